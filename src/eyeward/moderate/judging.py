"""Pictures to verdicts: one each, whatever happens, and nothing that goes wrong is Safe."""

from __future__ import annotations

from collections.abc import Sequence

from eyeward.annotate.judging import Judge
from eyeward.errors import ErrorType, UsageError
from eyeward.guard import Guard, Request
from eyeward.images import ImageSource
from eyeward.policy import Policy
from eyeward.verdict import Failure, Verdict


def judged(
    guard: Judge, policy: Policy, images: Sequence[ImageSource | Failure], explain: bool = False
) -> list[Verdict]:
    """Return a verdict for each image, in order. A guard that fails leaves every one of them without a rating."""
    names = [f"images[{place}]" for place in range(len(images))]
    asked = [
        Request(image, policy, explain, name)
        for image, name in zip(images, names, strict=True)
        if not isinstance(image, Failure)
    ]
    said, failure = _said(guard, asked)
    answers = iter(said)
    verdicts = []
    for image, name in zip(images, names, strict=True):
        reason = image if isinstance(image, Failure) else failure
        if reason is None:
            verdicts.append(next(answers))
        else:
            verdicts.append(Verdict.failed(reason, image=name, policy=policy.ref, model=guard.model))
    return verdicts


def _said(guard: Judge, asked: Sequence[Request]) -> tuple[list[Verdict], Failure | None]:
    if not asked:
        return [], None
    try:
        said = list(guard.assess_requests(asked))
    except Exception as problem:
        return [], _internal(f"The guard failed: {type(problem).__name__}: {problem}.")
    if [(verdict.image, verdict.policy.hash) for verdict in said] != [
        (request.key, request.policy.hash) for request in asked
    ]:
        return [], _internal(f"The guard gave {len(said)} verdicts to {len(asked)} images, or not to these.")
    return said, None


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
