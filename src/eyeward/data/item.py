"""Samples on their way into a data set, each with its image, and what many of them say together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyeward.data.duplicates import Groups
from eyeward.data.identity import Identity
from eyeward.data.sample import Asked, Sample, Split
from eyeward.data.split import Member, Stratum


@dataclass(frozen=True, slots=True)
class Item:
    """A sample with the identity of its image."""

    sample: Sample
    path: Path
    place: str
    """File and row, for people."""
    image: int
    """Number among the different images."""

    @property
    def question(self) -> tuple[int, Asked]:
        """What is asked: an image, under a policy."""
        return self.image, self.sample.asked

    @property
    def label(self) -> tuple[str, ...]:
        """What is right."""
        return self.sample.rating, self.sample.category, self.sample.severity or ""

    @property
    def stratum(self) -> Stratum:
        """What its image is stratified by."""
        return Stratum(self.sample.category.partition(":")[0], (self.sample.severity or self.sample.rating).value)


def group_names(items: Iterable[Item], groups: Groups, seen: Sequence[Identity]) -> dict[int, str]:
    """Name groups by what their sources called them, where that is one name of one group, else by an image."""
    called: defaultdict[int, set[str]] = defaultdict(set)
    sha256: dict[int, str] = {}
    for item in items:
        group = groups.of(item.image)
        called[group].add(item.sample.group)
        own = seen[item.image].sha256
        sha256[group] = min(sha256.get(group, own), own)
    users = Counter(name for names in called.values() for name in names)
    return {
        group: next(iter(names)) if len(names) == 1 and users[next(iter(names))] == 1 else f"image-{sha256[group][:16]}"
        for group, names in called.items()
    }


def members(items: Iterable[Item]) -> Iterator[Member]:
    """Yield every image once, by the label that its annotator gave; augmented samples go where their image goes."""
    given: defaultdict[int, set[Split | None]] = defaultdict(set)
    for item in sorted(items, key=lambda item: item.sample.augmented):
        sample, sides = item.sample, given[item.image]
        if not sides or (sample.split is not None and sample.split not in sides):
            yield Member(sample.group, item.stratum, sample.split)
        sides.add(sample.split)
