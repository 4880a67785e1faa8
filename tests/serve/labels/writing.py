"""A program that appends events from many threads, and prints the id of each once it is acknowledged.

It is called with the address of a store, its own name, and how many events each of its threads appends.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from eyeward.data.events import LabelField
from eyeward.serve.labels.store import LabelStore
from tests.serve.labels.world import event

THREADS = 10


def main(address: str, name: str, events: int) -> None:
    """Append."""
    with LabelStore.open(address) as store:

        def append(thread: int) -> None:
            for number in range(events):
                id = f"{name}-{thread}-{number}"
                store.append([event(LabelField.rationale, id, f"{name}-{thread}", image=number, id=id)])
                os.write(1, f"{id}\n".encode("ascii"))

        os.write(1, b"begins\n")
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(append, range(THREADS)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
