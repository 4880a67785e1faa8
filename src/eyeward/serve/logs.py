"""One line of JSON for each thing that happened: never an image, a file name, an address or a rationale."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

LOGGER = logging.getLogger("eyeward.serve")
HELD_SECONDS = 0.1
"""How long a line may be held that need not be written at once."""
MOST_HELD = 1000
"""Lines that are held; whoever adds one more writes them all."""
_ENCODER = json.JSONEncoder(default=str)


class JsonLines(logging.Formatter):
    """Writes a record as one object; what was passed as `fields` stands beside the event."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: Mapping[str, object] = getattr(record, "fields", {})
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **fields,
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__  # its message may hold what was sent
            line["where"] = _place(record)
        return _ENCODER.encode(line)


class HeldLines(logging.Handler):
    """Writes lines in their order; those of requests a moment later, many at once, in a thread of its own.

    Each write lets threads that judge have the interpreter, and a full pipe lets whoever writes wait: neither is for
    the thread that answers. Lines are lost only with the process, when it is killed; whatever ends it otherwise, they
    are written before.
    """

    def __init__(self, stream: TextIO) -> None:
        """Take where lines go."""
        super().__init__()
        self.setFormatter(JsonLines())
        self._stream = stream
        self._lines: deque[str] = deque()
        self._writing = threading.RLock()
        self._is_writing = False
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line in."""
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
        if not getattr(record, "held", False) or len(self._lines) > MOST_HELD:
            self.flush()
        elif not self._wanted.is_set():
            self._wanted.set()
            if self._thread is None:  # one thread at a time is here
                self._thread = threading.Thread(target=self._write, name="eyeward-log", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Write all that is held."""
        with self._writing:
            if self._is_writing:  # a signal has interrupted the thread that writes, which goes on when it is answered
                return
            self._is_writing = True
            try:
                while self._lines:
                    lines = [self._lines.popleft() for _ in range(len(self._lines))]
                    with suppress(OSError, ValueError):  # nobody reads any more, or the stream is closed
                        self._stream.write("".join(f"{line}\n" for line in lines))
                        self._stream.flush()
            finally:
                self._is_writing = False

    def close(self) -> None:
        """Write what is held, and hold nothing any more."""
        self.flush()
        super().close()

    def _write(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(HELD_SECONDS)  # more come meanwhile
            self._wanted.clear()  # before looking: whoever adds a line from now on wakes this thread again
            self.flush()


def log(event: str, level: int = logging.INFO, exc_info: bool = False, held: bool = False, **fields: object) -> None:
    """Write a line; with `held`, a moment later, together with others."""
    if LOGGER.isEnabledFor(level):  # no search for the place of this call, which no line shows
        raised = sys.exc_info() if exc_info else None
        more = {"fields": fields, "held": held}
        LOGGER.handle(LOGGER.makeRecord(LOGGER.name, level, "", 0, event, (), raised, extra=more))


def write_to(stream: TextIO | None = None) -> None:
    """Have lines written to a stream, standard error by default; those of the server as well."""
    handler = HeldLines(stream or sys.stderr)
    for name, level in (("eyeward.serve", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False


def _place(record: logging.LogRecord) -> str:
    assert record.exc_info is not None
    trace = record.exc_info[2]
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
