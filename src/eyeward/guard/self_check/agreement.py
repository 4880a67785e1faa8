"""The same probes asked of the same guard in two places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from eyeward.errors import EyewardError
from eyeward.guard.guard import Guard
from eyeward.guard.self_check.answers import policy_of
from eyeward.guard.self_check.finding import Finding, Subject, does_not_apply, failed, passed
from eyeward.images import ImageSource
from eyeward.policy import Policy
from eyeward.verdict import Verdict

AGREEMENT = "other engine"

TOLERANCE = 0.02
"""How far probabilities may be apart (bfloat16 on one side), and how near to the threshold ratings may differ."""


def check_agreement(subject: Subject, other: Guard | None, address: str | None = None) -> Finding:
    """Ask the probe images of both, or drawn ones where there are none."""
    if other is None:
        return does_not_apply(AGREEMENT, "none was named (--against URL)")
    here = replace(subject.guard, scope=None, scope_threshold=None)  # servers have no scope check
    rule = here.rule
    edges = () if rule is None else (rule.threshold, *(rule.band or ()))
    causes, count, most = [], 0, 0.0
    for name, image, policy in _probes(subject):
        try:
            ours, theirs = here.assess(image, policy), other.assess(image, policy)
        except EyewardError as error:
            return failed(AGREEMENT, f"The policy {policy.name!r} cannot be asked of both: {error}")
        difference = _difference(name, ours, theirs, edges)
        if isinstance(difference, str):
            causes.append(difference)
        else:
            most = max(most, difference)
        count += 1
    where = f"{other.model.engine}{f' at {address}' if address else ''}"
    if causes:
        return failed(AGREEMENT, f"{where} does not agree on {len(causes)} of {count} images.", *causes)
    return passed(AGREEMENT, f"{where} agrees on {count} images: p_unsafe at most {most:.4f} apart, same categories")


def _probes(subject: Subject) -> Iterator[tuple[str, ImageSource, Policy]]:
    """Yield the probes of the card, or slopes of colour, which every family cuts into tiles of its own."""
    folder = subject.folder or Path()
    for probe in subject.card.probes:
        yield f"The probe {probe.image}", folder / probe.image, policy_of(probe)
    if subject.card.probes:
        return
    policy = Policy.load("default")
    down = Image.linear_gradient("L")
    planes = (down, down.rotate(90), down.rotate(180), Image.radial_gradient("L"))
    for number, size in enumerate(((64, 64), (300, 120), (120, 300), (500, 400))):
        chosen = [planes[(number + place) % 4].resize(size) for place in range(3)]
        yield f"A drawn image of {size[0]} x {size[1]} pixels", Image.merge("RGB", chosen), policy


def _difference(name: str, ours: Verdict, theirs: Verdict, edges: tuple[float, ...]) -> float | str:
    """Return how far two probabilities are apart, or in what two verdicts differ."""
    for verdict, who in ((ours, "here"), (theirs, "there")):
        if verdict.error is not None:
            return f"{name} cannot be judged {who}: {verdict.error.message}"
    if ours.p_unsafe is None or theirs.p_unsafe is None:
        return f"{name} has no probability in one of the two."
    apart = abs(ours.p_unsafe - theirs.p_unsafe)
    if apart > TOLERANCE:
        return f"{name} has p_unsafe {ours.p_unsafe:.3f} here and {theirs.p_unsafe:.3f} there."
    if ours.rating is not theirs.rating:
        near = any(abs(ours.p_unsafe - edge) < TOLERANCE for edge in edges)
        return apart if near else f"{name} is {ours.rating} here, {theirs.rating} there."
    if ours.category != theirs.category and _lead(ours, theirs) > TOLERANCE:
        return f"{name} is {ours.category} here and {theirs.category} there."
    return apart


def _lead(ours: Verdict, theirs: Verdict) -> float:
    """Return how much likelier our category is here than theirs is; near ties may fall either way."""
    chances = [ours.category_probabilities.get(str(v.category).split(":")[0], 0.0) for v in (ours, theirs)]
    return chances[0] - chances[1]
