"""What Pillow raises on hostile bytes, as one kind of error with a type and a sentence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile

from eyeward.errors import ErrorType, ImageError


@contextmanager
def pillow_errors_reported(name: str, form: str) -> Iterator[None]:
    """Turn whatever Pillow raises on hostile bytes into an `ImageError`, with truncated files always refused."""
    try:
        with _truncated_files_refused():
            yield
    except (ImageError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(ErrorType.too_many_pixels, f"{name} has more pixels than Pillow is set to allow.") from error
    except Exception as error:
        detail = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        lowered = detail.lower()
        if isinstance(error, EOFError) or "truncated" in lowered or "not enough" in lowered:
            sentence = f"{name} is cut short: the file ends before the picture does ({form}: {detail})."
            raise ImageError(ErrorType.truncated, sentence) from error
        if "unknown" in lowered or "unsupported" in lowered or "not supported" in lowered:
            sentence = f"{name} is a kind of {form} that cannot be read ({detail}); save it again as PNG or JPEG."
            raise ImageError(ErrorType.unsupported_format, sentence) from error
        raise ImageError(ErrorType.unreadable, f"{name} is damaged {form}: {detail}.") from error


_lenient_lock = threading.Lock()
_lenient_users = 0
_lenient_before = False


@contextmanager
def _truncated_files_refused() -> Iterator[None]:
    """Hold Pillow's process-wide `LOAD_TRUNCATED_IMAGES` off, and put it back when the last decoder is done.

    A program that has switched it on would otherwise be told that a half-loaded, half-grey picture is whole.
    """
    global _lenient_users, _lenient_before
    with _lenient_lock:
        if _lenient_users == 0:
            _lenient_before = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        _lenient_users += 1
    try:
        yield
    finally:
        with _lenient_lock:
            _lenient_users -= 1
            if _lenient_users == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _lenient_before
