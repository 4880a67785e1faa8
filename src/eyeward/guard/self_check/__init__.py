"""What a checkpoint must be able to do before anyone relies on it.

Wrong chat templates, heads that are not tied, image tokens that are miscounted: published guards have been run with all
of these, and answered all the same. The short form runs at every load and refuses; what could be a false alarm with a
sound checkpoint is in the long form only (`eyeward models check`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Literal

from eyeward.errors import SelfCheckFailed
from eyeward.guard.guard import Guard
from eyeward.guard.self_check.agreement import check_agreement
from eyeward.guard.self_check.answers import check_grey_image, check_known_answers, check_scope
from eyeward.guard.self_check.finding import Finding, Outcome, Subject, does_not_apply
from eyeward.guard.self_check.head import check_label_mass, check_opposites
from eyeward.guard.self_check.prompts import check_labels, check_template
from eyeward.guard.self_check.sizes import (
    FEW_SIZES,
    MORE_SIZES,
    check_context,
    check_image_tokens,
)
from eyeward.policy import Policy
from eyeward.policy.loading import pack_names

__all__ = ["Finding", "Outcome", "SelfCheck", "Subject", "faults", "long_form", "settle", "short_form"]

SelfCheck = Literal["refuse", "warn", "off"]

_Check = Callable[[], Finding]


def short_form(subject: Subject) -> Iterator[Finding]:
    """Check what no sound checkpoint fails, in little more time than a verdict takes."""
    default = [Policy.load("default")]
    known = bool(subject.card.probes) and not subject.capped
    yield from _in_turn(
        subject,
        [
            lambda: check_labels(subject, default),
            lambda: check_image_tokens(subject, FEW_SIZES),
            lambda: check_scope(subject),
            lambda: check_grey_image(subject),
            lambda: check_known_answers(subject),
            *([] if known else [lambda: check_label_mass(subject)]),
        ],
    )


def long_form(subject: Subject, other: Guard | None = None, address: str | None = None) -> Iterator[Finding]:
    """Check everything, with every policy that ships; `other` is the same guard in another place."""
    policies = [Policy.load(name) for name in pack_names()]
    yield from _in_turn(
        subject,
        [
            lambda: check_labels(subject, policies),
            lambda: check_image_tokens(subject, MORE_SIZES),
            lambda: check_context(subject, policies),
            lambda: check_scope(subject),
            lambda: check_grey_image(subject),
            lambda: check_known_answers(subject),
            lambda: check_label_mass(subject),
            lambda: check_opposites(subject),
            lambda: check_agreement(subject, other, address),
        ],
    )


def _in_turn(subject: Subject, others: list[_Check]) -> Iterator[Finding]:
    """Check the prompt first: without one there is nothing to ask."""
    yield check_template(subject)
    if isinstance(subject.question(Policy.load("default")), str):
        yield does_not_apply("all others", "there is no prompt to ask")
        return
    for check in others:
        yield check()


def faults(subject: Subject) -> tuple[str, ...]:
    """Return what is wrong with a guard, a sentence or a few for each check of the short form."""
    return tuple(finding.detail for finding in short_form(subject) if finding.outcome is Outcome.failed)


def settle(subject: Subject, self_check: SelfCheck) -> None:
    """Check a guard that was loaded, and refuse it or warn.

    Raises:
        SelfCheckFailed: when something is wrong and that is to be refused.
    """
    found = faults(subject) if self_check != "off" else ()
    place = f" at {subject.address}" if subject.address else ""
    if found and self_check == "refuse":
        raise SelfCheckFailed(f"The guard {subject.card.name!r}{place} does not pass its self check: {' '.join(found)}")
    for fault in found:
        warnings.warn(f"The guard {subject.card.name!r}{place} does not pass its self check: {fault}", stacklevel=3)
