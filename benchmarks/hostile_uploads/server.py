"""The service that is sent such files, in a process of its own, and what memory that process takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from eyeward.guard.decoding import WORKERS
from eyeward.guard.guard import BATCH_PIXELS
from eyeward.images import Limits
from eyeward.serve.app import make_app
from eyeward.serve.logs import write_to
from eyeward.serve.queue import QueueLimits
from eyeward.serve.run import ServeOptions, answer_quickly, bound_socket, server_of
from eyeward.serve.settings import ServeSettings
from tests.serve.world import Engine, service

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0
"""Seconds in which a request is answered; what is measured is whether it is, and what that takes, not how soon."""
PICTURE = 4
"""Bytes that Pillow keeps of each pixel of a decoded picture."""
WORKING = 24
"""Bytes of each pixel of one frame that are needed beside it while it is decoded: at worst it is a float TIFF, of which
there are the file's picture, NumPy's copy, one without NaN, and three steps of the scaling, four bytes each."""
SPARE = 256 << 20
"""Bytes for bodies, forms, the libraries' own buffers, and what the allocator does not give back at once."""


def limits_of(pixels: int) -> Limits:
    """Return the limits of the service, or smaller ones in the same proportion."""
    whole = Limits()
    return Limits(max_pixels=pixels, max_decoded_pixels=whole.max_decoded_pixels * pixels // whole.max_pixels)


def bound_alone(limits: Limits) -> int:
    """Return the bytes that one upload at a time may take: all that it decodes to, and one frame being decoded."""
    return SPARE + PICTURE * limits.max_decoded_pixels + WORKING * limits.max_pixels


def bound_together(limits: Limits) -> int:
    """Return the bytes that any number of uploads may take.

    Each reader has a batch, which is judged when it has `BATCH_PIXELS`, and decodes ahead of it with `WORKERS` threads,
    which begin a picture while less than `BATCH_PIXELS` wait: so the last picture of each may be as large as any. What
    else waits is not decoded.
    """
    held = (1 + WORKERS) * limits.max_decoded_pixels + 2 * min(BATCH_PIXELS, limits.max_decoded_pixels)
    return SPARE + ServeSettings().readers * (PICTURE * held + WORKERS * WORKING * limits.max_pixels)


def serve(pixels: int) -> None:
    """Serve around the stand-in of the tests until told to stop; the first line that is printed is the port."""
    warnings.simplefilter("ignore")  # Pillow says much about such files
    queue = QueueLimits(probe_seconds=3600.0, probe_limit=PATIENCE, stall_seconds=PATIENCE)
    settings = ServeSettings(deadline=PATIENCE, image=limits_of(pixels), queue=queue)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        write_to(nowhere)
        server = server_of(make_app(service(Engine(), settings=settings)), PATIENCE)
        opened = bound_socket(ServeOptions(port=0))
        print(opened.getsockname()[1], flush=True)
        answer_quickly()
        server.run([opened])


@dataclass(frozen=True)
class Served:
    """A service in another process."""

    process: subprocess.Popen[str]
    address: str

    def is_ready(self) -> bool:
        """Whether it runs and judges."""
        with suppress(httpx2.HTTPError):
            return self.process.poll() is None and httpx2.get(f"{self.address}/ready").status_code == 200
        return False

    def resident(self) -> int:
        """Return the bytes that it holds; 0 when it has gone."""
        return self._memory("VmRSS")

    def peak(self) -> int:
        """Return the most bytes that it held since `forget_peak`; 0 when it has gone."""
        return self._memory("VmHWM")

    def forget_peak(self) -> None:
        """Let the peak begin at what is held now; where the system does not let us, the old one stays and counts."""
        with suppress(OSError):
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")

    def _memory(self, name: str) -> int:
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
                if line.startswith(f"{name}:"):
                    return 1024 * int(line.split()[1])
        return 0


@contextmanager
def serving(pixels: int) -> Iterator[Served]:
    """Have a service in a process of its own, from when it judges."""
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hostile_uploads", "--serve", "--pixels", str(pixels)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        try:
            yield _ready(process)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60.0)
            process.kill()


def _ready(process: subprocess.Popen[str]) -> Served:
    assert process.stdout is not None
    found = Served(process, f"http://127.0.0.1:{process.stdout.readline().strip()}")
    end = time.monotonic() + 120.0
    while not found.is_ready():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit("The service did not start.")
        time.sleep(0.05)
    return found
