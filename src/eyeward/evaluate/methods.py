"""Which calibrations there are; alone, so that a command line can list them quickly."""

from __future__ import annotations

from enum import StrEnum


class Method(StrEnum):
    """How probabilities are calibrated."""

    temperature = "temperature"
    """One factor on the log-odds (Guo et al., 2017)."""
    platt = "platt"
    """A factor and a shift."""
    isotonic = "isotonic"
    """Any shape that keeps the order; wants some hundred images."""
    keep = "keep"
    """As the guard has it."""
