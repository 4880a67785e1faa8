"""Which failures are worth another attempt, and how long to wait before it."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED_STATUS = frozenset({429, 500, 502, 503, 504, 529})
"""Too many requests, and failures of the server that may pass. Anything else would be refused again."""


def back_off(attempt: int, first: float, longest: float, chance: random.Random) -> float:
    """Return the seconds to wait after a failed attempt, counted from 1.

    Exponential back-off with full jitter: uniform between 0 and `first * 2 ** (attempt - 1)`, at most `longest`, so
    that clients that failed together do not come back together.
    """
    return chance.uniform(0.0, min(longest, first * 2.0 ** min(attempt - 1, 60)))


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Read a Retry-After header, seconds or a date; None where it is absent or makes no sense."""
    if header is None:
        return None
    text = header.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0.0 else None
