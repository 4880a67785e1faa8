"""A changed policy on its way: what the steps of an augmentation hand on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from eyeward.data.changes import Change, wording_changes
from eyeward.data.sample import Asked, Sample
from eyeward.policy.schema import Policy
from eyeward.verdict import NA


@dataclass(frozen=True, slots=True)
class Variant:
    """A sample whose policy is being changed; its label is found when all steps are done."""

    sample: Sample
    """As its annotator labelled it."""
    base: Policy
    """The policy that the annotator read."""
    policy: Policy
    changes: tuple[Change, ...] = ()

    @property
    def touched(self) -> tuple[str, ...]:
        """The ids of what the image falls under; none for `NA`."""
        labels = self.sample.categories or (self.sample.category,)
        return tuple(label.partition(":")[0] for label in labels if label != NA)

    @property
    def open(self) -> tuple[str, ...]:
        """The ids of the policy that the image does not touch and no step has changed."""
        changed = {getattr(change, "category", None) for change in self.changes}
        return tuple(id for id in self.policy.ids if id not in self.touched and id not in changed)

    @property
    def asked(self) -> Asked:
        """What tells it from other variants of its image."""
        return self.policy.hash, wording_changes(self.changes)

    def with_(self, policy: Policy, *changes: Change) -> Self:
        """Return the variant after one more step."""
        return replace(self, policy=policy, changes=(*self.changes, *changes))
