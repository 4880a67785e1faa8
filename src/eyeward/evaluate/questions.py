"""From labelled samples to questions: which image, under which policy, with which right answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyeward.data.changes import Change, PolicyChosen, StanceChanged, worded
from eyeward.data.folder import SampleFolder, default_policy
from eyeward.data.sample import Sample, Split
from eyeward.errors import DataError, UsageError
from eyeward.evaluate.outcome import Question, category_id
from eyeward.policy import Policy
from eyeward.scenes.labels import graph_of
from eyeward.scenes.truth import decide
from eyeward.verdict import NA, Rating

_NAMED = 3
"""Faults that a message names; the rest are counted."""


@dataclass(frozen=True)
class Ask:
    """A question with what is needed to put it."""

    question: Question
    image: Path
    policy: Policy
    made: Callable[[], bytes] | None = None
    """Makes the encoded image when it is wanted, where it is not the file `image` itself."""

    @property
    def source(self) -> str | bytes:
        """The image as a guard takes it."""
        return str(self.image) if self.made is None else self.made()


@dataclass(frozen=True)
class Questions:
    """The questions of a folder, and how many samples asked what another had asked already, and agreed with it."""

    asks: tuple[Ask, ...]
    repeated: int


@dataclass(frozen=True)
class _Labelled:
    """A sample under a policy, rated under it."""

    sample: Sample
    policy: Policy
    changes: tuple[Change, ...]
    rating: Rating
    category: str
    severity: str | None


def read_questions(folder: Path, policies: Sequence[Policy] = (), split: Split | None = None) -> Questions:
    """Return the questions of a folder of samples, in the order of its rows.

    Without `policies` every sample is asked under the policy that it is labelled under. With them every image is asked
    under each, and what is right comes from a sample labelled under it, or, for drawn scenes, from the scene.

    Raises:
        DataError: with file and line, for a row that is no sample; for categories that a policy does not have, and
            labels that contradict each other, with their number and the first of them.
        UsageError: when there are no samples, or no ratings under one of the policies.
    """
    samples = SampleFolder(folder)
    rows = [sample for sample in samples if split is None or sample.split is split]
    if not rows:
        which = "" if split is None else f" of the {split} split"
        raise UsageError(f"{folder} holds no samples{which}; name a folder with some.")
    labelled = [
        _Labelled(row, samples.policy_of(row), row.changes, row.rating, row.category, row.severity) for row in rows
    ]
    wanted = labelled if not policies else list(_under(policies, labelled, folder))
    _check_categories(wanted, folder)
    unchanged: defaultdict[str, set[Rating]] = defaultdict(set)
    for item in labelled:
        if not item.changes:
            unchanged[item.sample.image].add(item.rating)
    asks: dict[tuple[str, str], Ask] = {}
    against: list[str] = []
    for item in wanted:
        policy = worded(item.policy, item.changes)
        question = Question(
            number=len(asks),
            image=item.sample.image,
            group=item.sample.group,
            policy_hash=policy.hash,
            changes=item.changes,
            rating=item.rating,
            category=item.category,
            severity=item.severity,
            unchanged_rating=_unchanged_rating(item, unchanged[item.sample.image]),
        )
        key = (question.image, question.policy_hash)
        known = asks.setdefault(key, Ask(question, samples.image_of(item.sample), policy)).question
        if (known.rating, category_id(known.category)) != (question.rating, category_id(question.category)):
            against.append(f"{question.image!r} is {_said(known)} and {_said(question)}")
    _refuse(against, folder, "labels contradict another of the same image under the same policy")
    return Questions(tuple(asks.values()), len(wanted) - len(asks))


def _under(policies: Sequence[Policy], labelled: Sequence[_Labelled], folder: Path) -> Iterator[_Labelled]:
    """Give every image under every policy; images in order, then policies."""
    known = {(item.sample.image, item.policy.hash): item for item in labelled}
    first: dict[str, _Labelled] = {}
    for item in labelled:
        if item.sample.image not in first or (first[item.sample.image].changes and not item.changes):
            first[item.sample.image] = item
    missing = {
        policy.name: count
        for policy in policies
        if (count := sum(i.sample.scene is None and (i.sample.image, policy.hash) not in known for i in first.values()))
    }
    if missing:
        named = ", ".join(f"{name!r} for {count} of {len(first)} images" for name, count in missing.items())
        raise UsageError(
            f"{folder} has no ratings under the policy {named}; label them under it, or leave --policy out to ask each "
            "image under the policy that it is labelled under."
        )
    for item in first.values():
        for policy in policies:
            yield known.get((item.sample.image, policy.hash)) or _decided(item, policy)


def _decided(item: _Labelled, policy: Policy) -> _Labelled:
    truth = decide(graph_of(item.sample), policy)
    base = default_policy() if item.changes else item.policy
    changes = differences(base, policy)
    return _Labelled(item.sample, policy, changes, truth.rating, truth.category, truth.severity.value)


def differences(base: Policy, policy: Policy) -> tuple[Change, ...]:
    """Say how a policy differs from another: in stances, or altogether."""
    if base.hash == policy.hash:
        return ()
    if base.verbatim is None and policy.verbatim is None and base.ids == policy.ids:
        stances = {c.id: c.stance for c in policy.categories if c.stance is not base.category(c.id).stance}
        changed = base
        for id, stance in stances.items():
            changed = changed.with_stance(stance, id)
        if changed.hash == policy.hash:
            return tuple(StanceChanged(category=id, to=stance) for id, stance in stances.items())
    return (PolicyChosen(name=policy.name),)


def _unchanged_rating(item: _Labelled, labels: Collection[Rating]) -> Rating | None:
    """Return what is right without the changes: as labelled under the unchanged policy, or by scene or severity.

    `labels` are the ratings of the image under unchanged policies. Where they are not one, it is not known which of
    the policies was changed, and only the severity can say: it stays that of the annotator.
    """
    if not item.changes:
        return item.rating
    if len(labels) == 1:
        return next(iter(labels))
    sample = item.sample
    if not labels and sample.scene is not None:
        return decide(graph_of(sample), default_policy()).rating
    return None if sample.severity is None else sample.severity.rating


def _said(question: Question) -> str:
    return f"{question.rating} ({category_id(question.category)})"


def _check_categories(wanted: Sequence[_Labelled], folder: Path) -> None:
    foreign = [
        f"{item.sample.image!r} is {item.category!r}"
        for item in wanted
        if item.category not in (*item.policy.labels, NA)
    ]
    _refuse(foreign, folder, "samples have a category that their policy does not have")


def _refuse(faults: Sequence[str], folder: Path, what: str) -> None:
    if not faults:
        return
    shown = "; ".join(faults[:_NAMED]) + ("; …" if len(faults) > _NAMED else "")
    raise DataError(f"{len(faults)} {what}: {shown}. Mend or remove them.", folder)
