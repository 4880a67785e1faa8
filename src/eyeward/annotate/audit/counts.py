"""Numbers of rows, as shares that say how sure they are."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from eyeward.evaluate.intervals import wilson


class Count(BaseModel):
    """A number of rows, and its share of all rows with Wilson's interval of 95 %."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, rows: int) -> Self:
        """Return the count with its share; the rows are taken for drawn from more images like these."""
        low, high = wilson(count, rows)
        return cls(count=count, share=count / rows if rows else 0.0, low=low, high=high)
