"""A program that appends events from many threads, and prints the id of each once it is acknowledged.

It is called with the address of a store, its own name, and how many events each of its threads appends; and, if it is
to be killed, after how many acknowledged ones.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from eyeward.data.events import LabelField
from eyeward.serve.labels.store import LabelStore
from tests.serve.labels.world import event

THREADS = 10


def main(address: str, name: str, events: int, killed_after: int | None = None) -> None:
    """Append; die without a word after `killed_after` events, with the other threads in the middle of theirs."""
    count = itertools.count(1)
    with LabelStore.open(address) as store:

        def append(thread: int) -> None:
            for number in range(events):
                id = f"{name}-{thread}-{number}"
                store.append([event(LabelField.rationale, id, f"{name}-{thread}", image=number, id=id)])
                os.write(1, f"{id}\n".encode("ascii"))
                if next(count) == killed_after:
                    os.kill(os.getpid(), signal.SIGKILL)

        os.write(1, b"begins\n")
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(append, range(THREADS)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
