"""Pictures to verdicts: one each, whatever happens, and nothing that goes wrong is Safe."""

from __future__ import annotations

from collections.abc import Sequence

from eyeward.annotate.judging import Judge
from eyeward.errors import ErrorType, UsageError
from eyeward.guard import Guard, Request
from eyeward.images import ImageSource
from eyeward.policy import Policy
from eyeward.verdict import Failure, ModelRef, Verdict

Picture = ImageSource | Failure
"""What is to be judged, or why it is not there."""


def judged(guard: Judge, policy: Policy, images: Sequence[Picture], explain: bool = False) -> list[Verdict]:
    """Return a verdict for each image, in order. A guard that fails leaves every one of them without a rating."""
    asked = questions(policy, images, explain)
    try:
        said: Sequence[Verdict] | Failure = list(guard.assess_requests(asked)) if asked else []
    except Exception as problem:
        said = _internal(f"The guard failed: {type(problem).__name__}: {problem}.")
    return answered(policy, guard.model, images, asked, said)


def questions(policy: Policy, images: Sequence[Picture], explain: bool = False) -> list[Request]:
    """Return what a guard is asked about images: those that are there."""
    return [
        Request(image, policy, explain, name)
        for image, name in zip(images, _names(images), strict=True)
        if not isinstance(image, Failure)
    ]


def answered(
    policy: Policy,
    model: ModelRef,
    images: Sequence[Picture],
    asked: Sequence[Request],
    said: Sequence[Verdict] | Failure,
) -> list[Verdict]:
    """Return a verdict for each image from what a guard said; answers to other questions are none at all."""
    if not isinstance(said, Failure) and [(verdict.image, verdict.policy.hash) for verdict in said] != [
        (request.key, request.policy.hash) for request in asked
    ]:
        said = _internal(f"The guard gave {len(said)} verdicts to {len(asked)} images, or not to these.")
    answers = iter(() if isinstance(said, Failure) else said)
    verdicts = []
    for image, name in zip(images, _names(images), strict=True):
        reason = image if isinstance(image, Failure) else said
        if isinstance(reason, Failure):
            verdicts.append(Verdict.failed(reason, image=name, policy=policy.ref, model=model))
        else:
            verdicts.append(next(answers))
    return verdicts


def _names(images: Sequence[Picture]) -> list[str]:
    return [f"images[{place}]" for place in range(len(images))]


def _internal(message: str) -> Failure:
    return Failure(type=ErrorType.internal, message=message)


def with_threshold(guard: Judge, threshold: float | None) -> Judge:
    """Return a guard with another threshold.

    Raises:
        UsageError: when it is none that has a threshold.
    """
    if threshold is None:
        return guard
    if not isinstance(guard, Guard):
        raise UsageError("This guard takes no threshold; set it on the guard that stands behind it.")
    return guard.with_threshold(threshold)
