"""A vLLM server for as long as the tests run."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

VARIABLE = "EYEWARD_VLLM"
"""The environment variable that names an environment with vLLM."""
_PATIENCE = 900.0
"""Seconds that a start may take on a busy machine; an idle one with two cores takes about one minute."""


def vllm_environment() -> Path:
    """Return the environment with vLLM.

    Raises:
        LookupError: when none is named, or there is none.
    """
    named = os.environ.get(VARIABLE)
    if not named or not (Path(named) / "bin" / "vllm").is_file():
        raise LookupError(
            f"{VARIABLE} should name an environment with vLLM, not {named!r}; `make test-vllm` makes one."
        )
    return Path(named).absolute()


def variables(environment: Path) -> dict[str, str]:
    """Return what processes of that environment see."""
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    room = os.environ.get("VLLM_CPU_KVCACHE_SPACE", "2")
    return {**os.environ, "PATH": path, "VLLM_CPU_KVCACHE_SPACE": room, "VLLM_LOGGING_LEVEL": "WARNING"}


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(command: str, log: Path, **changes: str) -> Iterator[str]:
    """Run the line that an export printed, on a free port; give its address once it answers, and end it by its number.

    `changes` are variables of its environment.

    Raises:
        RuntimeError: when it ends or does not answer, with the end of what it wrote.
    """
    words = shlex.split(command)
    environment, port = vllm_environment(), free_port()
    words[0] = str(environment / "bin" / words[0])
    words[words.index("--port") + 1] = str(port)
    surroundings = {**variables(environment), **changes}
    with log.open("wb") as output:
        server = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, env=surroundings)
    try:
        _wait(server, f"http://127.0.0.1:{port}/v1/models", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(1)
    raise RuntimeError(f"vLLM does not answer:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}")
