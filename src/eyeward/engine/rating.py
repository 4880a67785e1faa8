"""From the raw score of a label to the one that is written: calibration, threshold and review band, as data."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Platt(BaseModel):
    """A calibration of log-odds: `scale * log_odds + shift` (Platt, 1999). With shift 0 it is temperature scaling."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scale: float = Field(default=1.0, gt=0.0)
    shift: float = 0.0

    def apply(self, probability: float) -> float:
        """Return the calibrated probability."""
        if self.scale == 1.0 and self.shift == 0.0:
            return probability
        return sigmoid(self.scale * log_odds(probability) + self.shift)


class Isotonic(BaseModel):
    """A calibration that keeps the order and nothing else (Zadrozny and Elkan, 2002).

    A line through points, rising or level, flat before the first and after the last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    raw: tuple[float, ...] = Field(min_length=1)
    calibrated: tuple[float, ...]

    @model_validator(mode="after")
    def _rises(self) -> Isotonic:
        if len(self.raw) != len(self.calibrated):
            raise ValueError("raw and calibrated are the two coordinates of the same points; give as many of each")
        if any(left >= right for left, right in zip(self.raw, self.raw[1:], strict=False)):
            raise ValueError("the raw probabilities of a calibration must rise from point to point")
        if any(left > right for left, right in zip(self.calibrated, self.calibrated[1:], strict=False)):
            raise ValueError("calibrated probabilities must not fall while the raw ones rise")
        if self.calibrated[0] < 0.0 or self.calibrated[-1] > 1.0:
            raise ValueError("calibrated probabilities lie between 0 and 1")
        return self

    def apply(self, probability: float) -> float:
        """Return the calibrated probability."""
        after = bisect_right(self.raw, probability)
        if after in (0, len(self.raw)):
            return self.calibrated[max(0, after - 1)]
        left, right = self.raw[after - 1], self.raw[after]
        low, high = self.calibrated[after - 1], self.calibrated[after]
        return low + (high - low) * (probability - left) / (right - left)


class Calibration(BaseModel):
    """One calibration for all categories and others for some; `categories` is keyed by category id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Platt | Isotonic = Platt()
    categories: Mapping[str, Platt | Isotonic] = Field(default_factory=dict)

    def apply(self, p_unsafe_raw: float, category: str | None) -> float:
        """Calibrate with the parameters of the category that the model would name in an Unsafe answer."""
        return self.categories.get(category or "", self.default).apply(p_unsafe_raw)


class RatingRule(BaseModel):
    """Which of the two labels of a slot is written.

    The probability of `positive` is calibrated with the parameters of the likeliest label of `category_slot` given
    `positive`. Inside `band` (ends included) the likelier of the two is written, elsewhere `positive` if the
    probability reaches `threshold`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot: str
    positive: str
    negative: str
    threshold: float = Field(default=0.5, ge=0.0, le=1.0)
    band: tuple[float, float] | None = None
    category_slot: str | None = None
    calibration: Calibration = Calibration()

    @model_validator(mode="after")
    def _has_an_ordered_band(self) -> RatingRule:
        if self.band is not None and not 0.0 <= self.band[0] <= self.band[1] <= 1.0:
            raise ValueError("a review band is two probabilities, the lower first")
        return self

    def calibrated(self, p_positive_raw: float, category_label: str | None) -> float:
        """Return the calibrated probability of `positive`; a label's id is what stands before its colon."""
        return self.calibration.apply(p_positive_raw, None if category_label is None else category_label.split(":")[0])

    def in_band(self, p_positive: float) -> bool:
        """Whether a calibrated probability lies inside the review band."""
        return self.band is not None and self.band[0] <= p_positive <= self.band[1]

    def label(self, p_positive: float) -> str:
        """Return the label to write for a calibrated probability."""
        reached = p_positive >= (0.5 if self.in_band(p_positive) else self.threshold)
        return self.positive if reached else self.negative


def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x))


def log_odds(probability: float) -> float:
    """Return log(p / (1 - p)), p kept 1e-12 away from 0 and 1."""
    p = min(max(probability, 1e-12), 1.0 - 1e-12)
    return math.log(p) - math.log1p(-p)
