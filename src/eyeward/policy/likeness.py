"""Which earlier rule says nearly the same, in time that is bounded whatever the rules are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

NEAR = 0.9
"""Likeness (0 to 1) from which two rules count as near-duplicates."""

MOST_STEPS = 4_000_000
"""About a second at most."""
_STEPS_OF_A_PAIR = 8
"""What it costs to find that two differ too much in length to be near."""


def likeness(one: str, other: str) -> float:
    """Return the share of letters that two texts have in common and in the same order, 0 to 1.

    It is twice the length of their longest common subsequence over the length of both, found with a bit for each letter
    of `one` and a step for each of `other` (Hyyrö, 2004).
    """
    if not one and not other:
        return 1.0
    places: dict[str, int] = {}
    for number, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << number
    every = open_places = (1 << len(one)) - 1
    for letter in other:
        met = open_places & places.get(letter, 0)
        open_places = ((open_places + met) | (open_places - met)) & every
    return 2.0 * (len(one) - open_places.bit_count()) / (len(one) + len(other))


class Nearness:
    """Looks for near-duplicates until it has taken so many steps; a step compares a letter with up to a thousand."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        """Take what may be spent on all rules together."""
        self._left = steps

    @property
    def spent(self) -> bool:
        """Whether there was not enough."""
        return self._left < 0

    def near(self, texts: Sequence[str]) -> Iterator[int | None]:
        """Yield for each text the place of the first one before it that is near it, or None.

        It ends early, before the first text that there are not steps enough for.
        """
        for place, text in enumerate(texts):
            found = None
            for before, earlier in enumerate(texts[:place]):
                both = len(text) + len(earlier)
                comparable = 2 * min(len(text), len(earlier)) >= NEAR * both
                self._left -= _STEPS_OF_A_PAIR + (both * (1 + len(earlier) // 1000) if comparable else 0)
                if self.spent:
                    return
                if comparable and likeness(earlier, text) >= NEAR:
                    found = before
                    break
            yield found
