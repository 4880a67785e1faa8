"""Files to bytes, never more of them than the cap."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from eyeward.errors import ErrorType, ImageError
from eyeward.images.limits import Limits

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def read_image_file(source: str | Path, limits: Limits) -> bytes:
    """Return the bytes of a regular file, or raise `ImageError`; at most one byte past the cap is read."""
    name = printable(str(source))
    if isinstance(source, str) and _URL.match(source):
        raise ImageError(
            ErrorType.fetch_refused, f"{name} is an address; fetching is off, so pass a file or its bytes."
        )
    path = Path(source)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(ErrorType.unreadable, f"{name} is a folder, not an image file.")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(ErrorType.unreadable, f"{name} is a pipe or a device; pass a regular file or bytes.")
        limits.check_bytes(name, status.st_size)
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except FileNotFoundError as error:
        raise ImageError(ErrorType.not_found, f"{name} does not exist.") from error
    except PermissionError as error:
        raise ImageError(ErrorType.unreadable, f"{name} cannot be opened: permission denied.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(ErrorType.unreadable, f"{name} cannot be read: {reason}.") from error
    limits.check_bytes(name, len(data))
    return data


def printable(name: str) -> str:
    """Return a name that is safe on a terminal and in a log: control characters and lone surrogates are escaped."""
    return name if name.isprintable() else ascii(name)
