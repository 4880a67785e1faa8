"""Checks of verdicts: that there are any, and that they are those which the guard gave when it was made."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from eyeward.errors import EyewardError
from eyeward.guard.card import Probe
from eyeward.guard.self_check.finding import Finding, Subject, does_not_apply, failed, passed
from eyeward.policy import Policy
from eyeward.verdict import Status

GREY, KNOWN, SCOPE = "grey image", "known answers", "scope check"


def check_grey_image(subject: Subject) -> Finding:
    """Judge a grey image; what it says does not matter, that it can is enough."""
    verdict = subject.guard.assess(Image.new("RGB", (64, 64), (128, 128, 128)), Policy.load("default"))
    if verdict.error is not None:
        return failed(GREY, f"A grey image cannot be judged: {verdict.error.message}")
    return passed(GREY, "it can be judged")


def check_known_answers(subject: Subject) -> Finding:
    """Judge the probe images of the card."""
    card = subject.card
    if not card.probes:
        return does_not_apply(KNOWN, "it has no probe images with stored answers")
    if subject.capped:
        return does_not_apply(KNOWN, "its answers were stored without max_tiles")
    causes, most = [], 0.0
    for probe in card.probes:
        outcome = _asked(subject, probe)
        if isinstance(outcome, str):
            causes.append(outcome)
        else:
            most = max(most, outcome)
    if causes:
        return failed(KNOWN, *causes)
    return passed(KNOWN, f"{len(card.probes)} probe images, p_unsafe_raw at most {most:.4f} from what was stored")


def _asked(subject: Subject, probe: Probe) -> float | str:
    """Return how far a probe's probability is from the stored one, or what is wrong with its answer."""
    try:
        verdict = subject.guard.assess((subject.folder or Path()) / probe.image, policy_of(probe))
    except EyewardError as error:
        return f"The probe {probe.image} cannot be asked: {error}"
    if verdict.status is Status.error or verdict.p_unsafe_raw is None:
        return f"The probe {probe.image} cannot be judged: {verdict.error.message if verdict.error else ''}"
    distance = abs(verdict.p_unsafe_raw - probe.p_unsafe_raw)
    if distance > subject.card.probe_tolerance:
        return (
            f"The probe {probe.image} has p_unsafe_raw {verdict.p_unsafe_raw:.3f}; when the guard was made it had "
            f"{probe.p_unsafe_raw:.3f}."
        )
    if (verdict.rating, verdict.category) != (probe.rating, probe.category):
        return (
            f"The probe {probe.image} is {verdict.rating}, {verdict.category}; when the guard was made it was "
            f"{probe.rating}, {probe.category}."
        )
    return distance


def policy_of(probe: Probe) -> Policy:
    """Load the policy that a probe is asked under."""
    if probe.policy is None:
        return Policy.load("default")
    return Policy.from_text(probe.policy) if "\n" in probe.policy else Policy.load(probe.policy)


def check_scope(subject: Subject) -> Finding:
    """See that a guard which abstains from images unlike its training can do so."""
    if subject.card.scope is None:
        return does_not_apply(SCOPE, "the guard has none")
    if subject.guard.scope is None:
        return failed(
            SCOPE,
            "it has a scope check, which needs features that servers do not give, so images unlike its training would "
            "be judged and not rated Review. Load it locally; or accept that in Python with self_check='warn'.",
        )
    return passed(SCOPE, "images unlike its training are rated Review")
