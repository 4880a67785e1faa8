"""A test that may be looked at after every label, and stopped or gone on with at will: betting against a claim.

Claim: a label agrees with the guard with probability `least` or more. A gambler who doubts it starts with 1 and stakes
a part of it against each label: times 1 + stake * least where the label disagrees, 1 - stake * (1 - least) where it
agrees. While the claim is true, the bets are fair or bad, so the chance that the gambler ever owns 1 / a is at most a
(Ville, 1939; Waudby-Smith and Ramdas, 2023, arXiv 2010.09686).

A gambler who has bet for months on good labels is poor when they turn bad. So the first 1 is not all staked at once:
with each batch of labels, new gamblers come in with 1 / (n (n + 1)) of it, n being the number of the batch; these parts
add up to 1 over all time. Each comes as several with fixed stakes, so none has to be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

STAKES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
"""Shares of the largest stake that cannot ruin a gambler."""
_MOST = 700.0
"""Logarithm of the largest sum that is told."""


class Bet:
    """Money that grows while a claim looks false; as evidence it is an e-value at any time."""

    def __init__(self, least: float) -> None:
        """Doubt that agreement is at least so likely.

        Raises:
            ValueError: unless it lies between 0 and 1.
        """
        if not 0.0 < least < 1.0:
            raise ValueError(f"a claim is about a probability between 0 and 1, not {least}")
        self.least = least
        self.labels = 0
        self.agreed = 0
        self.highest = 1.0
        """The most that was ever owned."""
        stakes = np.array(STAKES) / (1 - least)
        self._gain = np.log1p(stakes * least)
        self._loss = np.log1p(-stakes * (1 - least))
        self._owned = np.empty((0, len(STAKES)))
        """Logarithms of what gamblers own, [batches, stakes]."""

    @property
    def value(self) -> float:
        """What all gamblers own together now, and what has not come in yet."""
        waiting = -math.log(len(self._owned) + 1)
        logs = np.append(self._owned.ravel(), waiting)
        most = float(logs.max())
        return math.exp(min(_MOST, most + math.log(float(np.exp(logs - most).sum()))))

    def add(self, labels: Iterable[bool]) -> None:
        """Bet on a batch of labels in the order in which they came; True where one agrees."""
        batch = list(labels)
        if not batch:
            return
        number = len(self._owned) + 1
        part = -math.log(number * (number + 1) * len(STAKES))
        self._owned = np.vstack((self._owned, np.full((1, len(STAKES)), part)))
        for agrees in batch:
            self._owned = self._owned + (self._loss if agrees else self._gain)
            self.labels += 1
            self.agreed += bool(agrees)
            self.highest = max(self.highest, self.value)

    def refutes(self, false_alarms: float) -> bool:
        """Whether the claim was ever refuted, with a chance of at most `false_alarms` that this is an error."""
        return self.highest >= 1 / false_alarms
