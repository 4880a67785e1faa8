"""Images in any form, judged, and what may be shown of them in the same form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eyeward.annotate.judging import Judge
from eyeward.errors import Withheld
from eyeward.moderate.batches import Batch, as_picture, batch_of
from eyeward.moderate.hiding import blurred
from eyeward.moderate.judging import judged
from eyeward.moderate.ruling import Action, Ruling, why
from eyeward.policy import Policy
from eyeward.verdict import Verdict

Watch = Callable[[Sequence[Verdict]], None]
"""Is told the verdicts before anything is shown."""


@dataclass(frozen=True)
class Shown:
    """What may be shown."""

    images: Any
    """In the form in which they came."""
    verdicts: tuple[Verdict, ...]
    """One for each image that came."""
    flagged: tuple[bool, ...]
    """Whether an image is not Safe; one for each image that is left."""


def moderated(
    images: object,
    guard: Judge,
    policy: Policy | str = "default",
    on_unsafe: Action | str = Action.blank,
    on_review: Action | str | None = None,
    explain: bool = False,
) -> Shown:
    """Judge a list of Pillow images, an array or a tensor, and hide what is not Safe.

    Arrays are [images, height, width, channels], tensors [images, channels, height, width], both with levels from 0 to
    1; arrays may be uint8.

    Raises:
        UsageError: when the images come in another form.
        Withheld: when an image is not Safe and the action for it is `raise`.
    """
    chosen = policy if isinstance(policy, Policy) else Policy.load(policy)
    return shown(batch_of(images), guard, chosen, Ruling.of(on_unsafe, on_review), explain)


def shown(
    batch: Batch, guard: Judge, policy: Policy, ruling: Ruling, explain: bool = False, watch: Watch | None = None
) -> Shown:
    """Judge a batch, and do what the ruling says.

    Raises:
        Withheld: when an image is not Safe and the action for it is `raise`.
    """
    pictures = batch.pictures()
    verdicts = judged(guard, policy, pictures, explain)
    if watch is not None:
        watch(verdicts)
    actions = [ruling.action(verdict) for verdict in verdicts]
    if Action.refuse in actions:
        raise Withheld(why(verdicts), verdicts)
    hidden = {
        place: blurred(as_picture(pictures[place])) if action is Action.blur else None
        for place, action in enumerate(actions)
        if action in (Action.blank, Action.blur)
    }
    left = [place for place, action in enumerate(actions) if action is not Action.drop]
    if hidden or len(left) < len(actions):
        batch = batch.replaced(hidden).kept(left)
    return Shown(batch.images, tuple(verdicts), tuple(verdicts[place].flagged for place in left))
