"""Two lists of verdicts on the same images, compared as the project promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from eyeward.verdict import Verdict

TOLERANCE = 0.02
"""How far probabilities may be apart, and how near to the threshold ratings may differ."""
CATEGORY_BAR = 0.99


@dataclass(frozen=True)
class Agreement:
    """What two engines have in common; shares are of the images that both judged."""

    where: str
    dtype: str
    images: int
    errors: int
    ratings: float
    ratings_differ: int
    """Ratings that differ farther from the threshold than the tolerance: there should be none."""
    largest_difference: float
    """Of calibrated probabilities."""
    categories: float
    rationales: float

    @property
    def holds(self) -> bool:
        """Whether every promise is kept."""
        near = self.largest_difference <= TOLERANCE and self.ratings_differ == 0
        return self.errors == 0 and near and self.categories >= CATEGORY_BAR

    @classmethod
    def table(cls, rows: Sequence[Agreement]) -> Iterator[str]:
        """Yield the lines of a table."""
        yield (
            f"| where | type | errors | ratings equal | differ beyond {TOLERANCE:g} | largest p difference (bar "
            f"{TOLERANCE:g}) | categories equal (bar {CATEGORY_BAR:.0%}) | rationales equal | holds |"
        )
        yield "|---" * 9 + "|"
        for row in rows:
            yield (
                f"| {row.where} | {row.dtype} | {row.errors} | {row.ratings:.1%} | {row.ratings_differ} | "
                f"{row.largest_difference:.2g} | {row.categories:.1%} | {row.rationales:.1%} | "
                f"{'yes' if row.holds else 'NO'} |"
            )


def compare(where: str, dtype: str, ours: Sequence[Verdict], theirs: Sequence[Verdict]) -> Agreement:
    """Compare verdicts with rationales."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.error is None and b.error is None]
    count = max(1, len(pairs))
    differing = [(a, b) for a, b in pairs if a.rating is not b.rating]
    return Agreement(
        where=where,
        dtype=dtype,
        images=len(ours),
        errors=len(ours) - len(pairs),
        ratings=1 - len(differing) / count,
        ratings_differ=sum(not _hangs_on_little(a) for a, _ in differing),
        largest_difference=max((abs(_p(a) - _p(b)) for a, b in pairs), default=0.0),
        categories=sum(a.category == b.category for a, b in pairs) / count,
        rationales=sum(a.rationale == b.rationale for a, b in pairs) / count,
    )


def differences(verdicts: Mapping[str, Sequence[Verdict]]) -> Iterator[str]:
    """Yield the lines of a table of all pairs: the largest difference of p, the mean, how many are beyond 0.02."""
    names = list(verdicts)
    yield f"| | {' | '.join(names[:-1])} |"
    yield "|---" * len(names) + "|"
    for number, name in enumerate(names[1:], start=1):
        cells = []
        for other in names[:number]:
            pairs = zip(verdicts[name], verdicts[other], strict=True)
            gaps = [abs(_p(a) - _p(b)) for a, b in pairs if a.error is None and b.error is None]
            beyond = sum(gap > TOLERANCE for gap in gaps)
            cells.append(f"{max(gaps, default=0.0):.2g} ({sum(gaps) / max(1, len(gaps)):.2g}, {beyond})")
        yield f"| {name} | {' | '.join(cells)} |" + " |" * (len(names) - 1 - number)


def _hangs_on_little(verdict: Verdict) -> bool:
    return verdict.threshold is not None and abs(_p(verdict) - verdict.threshold) < TOLERANCE


def _p(verdict: Verdict) -> float:
    assert verdict.p_unsafe is not None
    return verdict.p_unsafe
