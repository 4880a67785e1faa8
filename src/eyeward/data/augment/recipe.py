"""An augmentation: which variants of each sample are made, and which of them are kept."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyeward.data.augment.labelling import Label, Labeller, by_annotation
from eyeward.data.augment.steps import Step
from eyeward.data.augment.variant import Variant
from eyeward.data.changes import wording_changes
from eyeward.data.sample import Asked, Sample
from eyeward.errors import DataError, described
from eyeward.policy.schema import Policy
from eyeward.verdict import Rating

_TRIES = 20
"""Draws for a variant before its policy is taken for one that cannot be new."""


class Variation(BaseModel):
    """One way to change the policy of a sample."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[Step, ...] = Field(min_length=1)
    """In this order; where one does not apply, the variant is not made."""
    copies: int = Field(default=1, ge=1)
    """Variants of each sample."""


class Augmentation(BaseModel):
    """All variations, and the balance of what they make."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variations: tuple[Variation, ...]
    two_sided: bool = True
    """As many samples that a tighter policy turns unsafe as samples that a looser one turns safe, in each split."""
    balance_ratings: bool = False
    """In each split, leave out variants that turn nothing until Safe and Unsafe are even, or none is left."""
    balance_categories: float | None = Field(default=None, ge=1.0)
    """No category gets more than this many times the variants of the middle one (the median), in each split."""
    seed: int = 0

    @classmethod
    def load(cls, source: str | Path, seed: int = 0) -> Self:
        """Load a YAML file.

        Raises:
            DataError: with the file, when it cannot be read or says something unknown.
        """
        try:
            content = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
            return cls.model_validate({"seed": seed, **(content or {})})
        except OSError as problem:
            message = f"The augmentation cannot be read: {problem.strerror or problem}; write one, or name a preset."
            raise DataError(message, source) from None
        except (yaml.YAMLError, UnicodeDecodeError, TypeError) as problem:
            raise DataError(f"The augmentation is not YAML: {' '.join(str(problem).split())}.", source) from None
        except ValidationError as problem:
            raise DataError(f"{described(problem)}.", source) from None


class LeftOut(StrEnum):
    """Why a variant was not kept."""

    does_not_apply = "does_not_apply"
    unknown_label = "unknown_label"
    """Nobody can say what is right under the changed policy."""
    same_policy = "same_policy"
    """The image has a sample under this policy, in these words, already."""
    one_sided = "one_sided"
    one_rating = "one_rating"
    one_category = "one_category"


@dataclass(frozen=True, slots=True)
class _Made:
    sample: Sample
    turned: Rating | None
    """The rating that it was turned to, None where it stays."""
    order: bytes


@dataclass(frozen=True)
class Augmented:
    """The variants that are kept, behind the samples that they are made of, and counts of those that are not."""

    samples: tuple[Sample, ...]
    left_out: dict[str, int]


def augment(
    samples: Iterable[Sample],
    augmentation: Augmentation,
    policy_of: Callable[[Sample], Policy],
    labeller: Labeller = by_annotation,
) -> Augmented:
    """Return the samples with their variants; those that are augmented already are left as they are.

    What is made of a sample depends on the seed and the samples of its own image; what of it is kept, on the balance.
    """
    left_out: Counter[str] = Counter()
    originals = list(samples)
    asked: defaultdict[str, set[Asked]] = defaultdict(set)
    for sample in originals:
        asked[sample.image].add((policy_of(sample).hash, wording_changes(sample.changes)))
    made: dict[int, list[_Made]] = {}
    for place, sample in enumerate(originals):
        if not sample.augmented:
            variants = _variants(sample, policy_of(sample), augmentation, labeller, asked[sample.image], left_out)
            made[place] = list(variants)
    kept = _balanced([item for items in made.values() for item in items], originals, augmentation, left_out)
    together: list[Sample] = []
    for place, sample in enumerate(originals):
        together.append(sample)
        together += [item.sample for item in made.get(place, ()) if item.order in kept]
    return Augmented(tuple(together), dict(sorted(left_out.items())))


def _variants(
    sample: Sample,
    base: Policy,
    augmentation: Augmentation,
    labeller: Labeller,
    known: set[Asked],
    left_out: Counter[str],
) -> Iterator[_Made]:
    for number, variation in enumerate(augmentation.variations):
        for copy in range(variation.copies):
            key = f"augment\x1f{augmentation.seed}\x1f{sample.image}\x1f{base.hash}\x1f{number}\x1f{copy}"
            variant = _new_variant(Variant(sample, base, base), variation, key, known)
            if isinstance(variant, LeftOut):
                left_out[variant] += 1
                continue
            label = labeller(variant)
            if label is None:
                left_out[LeftOut.unknown_label] += 1
                continue
            known.add(variant.asked)
            turned = None if label.rating is sample.rating else label.rating
            yield _Made(_labelled(variant, label), turned, hashlib.sha256(key.encode()).digest())


def _new_variant(start: Variant, variation: Variation, key: str, known: set[Asked]) -> Variant | LeftOut:
    """Return a variant whose policy, in its words, the image does not have yet; steps draw again where it has."""
    for attempt in range(_TRIES):
        variant = _stepped(start, variation, random.Random(f"{key}\x1f{attempt}"))
        if variant is None:
            return LeftOut.does_not_apply
        if variant.asked not in known:
            return variant
    return LeftOut.same_policy


def _stepped(variant: Variant, variation: Variation, rng: random.Random) -> Variant | None:
    stepped: Variant | None = variant
    for step in variation.steps:
        stepped = None if stepped is None else step.apply(stepped, rng)
    return stepped


def _labelled(variant: Variant, label: Label) -> Sample:
    fields = variant.sample.model_dump(exclude={"policy", "changes"})
    return Sample.model_validate(
        {
            **fields,
            "rating": label.rating,
            "category": label.category,
            "categories": label.categories,
            "decided_by": label.decided_by,
            "rationale": label.rationale,
            "rationale_from": fields["rationale_from"] if label.rationale == variant.sample.rationale else None,
            "policy": variant.policy.model_dump(),
            "changes": [change.model_dump() for change in variant.changes],
        }
    )


def _balanced(
    made: list[_Made], originals: list[Sample], augmentation: Augmentation, left_out: Counter[str]
) -> set[bytes]:
    """Return which variants stay, found split by split; what goes is what comes last in the order of hashes."""
    sides: defaultdict[str | None, list[_Made]] = defaultdict(list)
    for item in sorted(made, key=lambda item: item.order):
        sides[item.sample.split].append(item)
    kept: set[bytes] = set()
    for split, items in sides.items():
        if augmentation.balance_categories is not None:
            items = _capped(items, augmentation.balance_categories, left_out)
        if augmentation.two_sided:
            items = _even(items, left_out)
        if augmentation.balance_ratings:
            plain = Counter(sample.rating for sample in originals if sample.split == split)
            items = _even_ratings(items, plain, left_out)
        kept |= {item.order for item in items}
    return kept


def _even(items: list[_Made], left_out: Counter[str]) -> list[_Made]:
    turned = Counter(item.turned for item in items if item.turned is not None)
    most = min(turned[Rating.Safe], turned[Rating.Unsafe])
    return _first(
        items, lambda item: item.turned, {Rating.Safe: most, Rating.Unsafe: most}, LeftOut.one_sided, left_out
    )


def _capped(items: list[_Made], times: float, left_out: Counter[str]) -> list[_Made]:
    counts = Counter(_id(item) for item in items)
    middle = sorted(counts.values())[len(counts) // 2] if counts else 0
    caps: dict[object, int] = {id: int(times * middle) for id in counts}
    return _first(items, _id, caps, LeftOut.one_category, left_out)


def _even_ratings(items: list[_Made], plain: Counter[Rating], left_out: Counter[str]) -> list[_Made]:
    total = plain + Counter(item.sample.rating for item in items)
    more = max((Rating.Safe, Rating.Unsafe), key=lambda rating: total[rating])
    fewer = min(total[Rating.Safe], total[Rating.Unsafe])
    spare = Counter(item.sample.rating for item in items if item.turned is None)[more]
    most = max(0, spare - (total[more] - fewer))
    caps: dict[object, int] = {(more, None): most}
    return _first(items, lambda item: (item.sample.rating, item.turned), caps, LeftOut.one_rating, left_out)


def _first(
    items: list[_Made],
    key: Callable[[_Made], object],
    caps: dict[object, int],
    reason: LeftOut,
    left_out: Counter[str],
) -> list[_Made]:
    """Keep the first of each kind, up to its cap; kinds without a cap stay whole."""
    seen: Counter[object] = Counter()
    kept = []
    for item in items:
        kind = key(item)
        seen[kind] += 1
        if seen[kind] <= caps.get(kind, seen[kind]):
            kept.append(item)
        else:
            left_out[reason] += 1
    return kept


def _id(item: _Made) -> str:
    return item.sample.category.partition(":")[0]
