"""Outcomes as columns: what every metric is computed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from eyeward.evaluate.outcome import Outcome, OutcomeKind, category_id
from eyeward.verdict import NA, Rating

Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Words = NDArray[np.str_]

SAFE: Final = 0
UNSAFE: Final = 1
NEITHER: Final = -1
"""In place of a rating: Review, unparsable, failed; in place of a truth: nobody knows."""


@dataclass(frozen=True)
class OutcomeTable:
    """Columns of equal length, one row a question, all answered by one guard."""

    group: Numbers
    """Number of the group that the image belongs to."""
    item: Numbers
    """Number of the image."""
    policy: Words
    """Hash of the policy that was asked."""
    unsafe: Bools
    """Whether Unsafe is right."""
    said: Codes
    """`SAFE`, `UNSAFE` or `NEITHER`."""
    kind: Words
    """An `OutcomeKind`."""
    p_unsafe: Floats
    """NaN where the guard gave none."""
    category: Words
    """Id of the right category."""
    said_category: Words
    """Id of the category that was named; empty where none was."""
    severity: Words
    """Empty where it is not known."""
    changed: Bools
    """Whether the policy differs from the one that the labels were made under."""
    unchanged: Codes
    """What is right under the unchanged policy, or `NEITHER`."""
    unchanged_right: Codes
    """Whether the guard was right about this image under the unchanged policy; `NEITHER` where it was not asked, or
    where nobody knows which of several policies was changed and it was right under some of them only."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Lay the outcomes of one guard out in columns, in their order."""
        questions = [outcome.question for outcome in outcomes]
        verdicts = [outcome.verdict for outcome in outcomes]
        kinds = [outcome.kind for outcome in outcomes]
        answered = [kind is OutcomeKind.ok for kind in kinds]
        item = _numbered([question.image for question in questions])
        unsafe = np.array([question.rating is Rating.Unsafe for question in questions], bool)
        changed = np.array([bool(question.changes) for question in questions], bool)
        unchanged = np.array([_code(question.unchanged_rating) for question in questions], np.int8)
        right = np.array([outcome.right for outcome in outcomes], bool)
        return cls(
            group=_numbered([question.group for question in questions]),
            item=item,
            policy=_words([question.policy_hash for question in questions]),
            unsafe=unsafe,
            said=np.array(
                [_code(v.rating) if ok else NEITHER for v, ok in zip(verdicts, answered, strict=True)], np.int8
            ),
            kind=_words(kinds),
            p_unsafe=np.array([np.nan if v.p_unsafe is None else v.p_unsafe for v in verdicts], np.float64),
            category=_words([category_id(question.category) for question in questions]),
            said_category=_words([category_id(verdict.category) for verdict in verdicts]),
            severity=_words([question.severity or "" for question in questions]),
            changed=changed,
            unchanged=unchanged,
            unchanged_right=_unchanged_right(item, unsafe, changed, unchanged, right),
        )

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.unsafe)

    def where(self, rows: Bools | Numbers) -> OutcomeTable:
        """Keep some rows, told by a mask or by their places."""
        return OutcomeTable(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @property
    def answered(self) -> Bools:
        """Rows with a rating of Safe or Unsafe."""
        kept: Bools = self.said != NEITHER
        return kept

    @property
    def right(self) -> Bools:
        """Rows whose rating is right."""
        right: Bools = self.said == self.unsafe.astype(np.int8)
        return right

    def always(self, rating: Rating) -> OutcomeTable:
        """Return what a guard would get that says the same to everything.

        It names the category that goes with its rating most often among the right answers here, which flatters it.
        """
        said = _code(rating)
        named, counts = np.unique(self.category[self.unsafe == (said == UNSAFE)], return_counts=True)
        word = str(named[counts.argmax()]) if len(named) else category_id(NA)
        right = self.unsafe == (said == UNSAFE)
        return OutcomeTable(
            group=self.group,
            item=self.item,
            policy=self.policy,
            unsafe=self.unsafe,
            said=np.full(len(self), said, np.int8),
            kind=np.full(len(self), OutcomeKind.ok.value),
            p_unsafe=np.full(len(self), float(said)),
            category=self.category,
            said_category=np.full(len(self), word),
            severity=self.severity,
            changed=self.changed,
            unchanged=self.unchanged,
            unchanged_right=_unchanged_right(self.item, self.unsafe, self.changed, self.unchanged, right),
        )


def _unchanged_right(item: Numbers, unsafe: Bools, changed: Bools, unchanged: Codes, right: Bools) -> Codes:
    """Say of each row whether the guard was right about its image under the unchanged policy.

    An image may have been asked under several unchanged policies. Those count under which its right rating is the one
    that was changed; where the guard was right under some of these only, there is no answer.
    """
    asked: defaultdict[tuple[int, int], set[bool]] = defaultdict(set)
    for row in np.flatnonzero(~changed):
        asked[int(item[row]), int(unsafe[row])].add(bool(right[row]))
    found = [asked.get((int(image), int(rating)), set()) for image, rating in zip(item, unchanged, strict=True)]
    return np.array([next(iter(answers)) if len(answers) == 1 else NEITHER for answers in found], np.int8)


def _code(rating: Rating | None) -> int:
    return {Rating.Safe: SAFE, Rating.Unsafe: UNSAFE}.get(rating, NEITHER) if rating is not None else NEITHER


def _words(values: Sequence[str]) -> Words:
    return np.array([str(value) for value in values], dtype=np.str_)


def _numbered(values: Sequence[str]) -> Numbers:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([numbers[value] for value in values], np.int64)
