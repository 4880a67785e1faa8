"""One line of JSON for each thing that happened: never an image, a file name, an address or a rationale."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

LOGGER = logging.getLogger("eyeward.serve")


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
        return json.dumps(line, ensure_ascii=True, default=str)


def log(event: str, level: int = logging.INFO, exc_info: bool = False, **fields: object) -> None:
    """Write a line."""
    LOGGER.log(level, event, exc_info=exc_info, extra={"fields": fields})


def write_to(stream: TextIO | None = None) -> None:
    """Have lines written to a stream, standard error by default; those of the server as well."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
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
