"""Which pictures of an animation or of a file with several pages are judged."""

from __future__ import annotations


def spread(total: int, count: int) -> tuple[int, ...]:
    """Return at most `count` (two or more) of `total` frame numbers, evenly spread, the first and the last included."""
    if total <= count:
        return tuple(range(total))
    return tuple(step * (total - 1) // (count - 1) for step in range(count))
