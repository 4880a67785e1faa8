"""What a checkpoint must be able to do before anyone relies on it.

Wrong chat templates, heads that are not tied, image tokens that are miscounted: published guards have been run with all
of these, and answered all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from eyeward.errors import CheckpointError, EyewardError
from eyeward.guard.card import EyewardCard, Probe
from eyeward.guard.guard import Guard
from eyeward.policy import Policy
from eyeward.verdict import Status

if TYPE_CHECKING:
    from eyeward.engine.local.checkpoint import LoadedCheckpoint

_SIZES = ((64, 64), (317, 90), (90, 411))
"""Width and height of blank images whose tokens are counted."""


def faults(guard: Guard, card: EyewardCard, checkpoint: LoadedCheckpoint) -> tuple[str, ...]:
    """Return what is wrong with a guard, one sentence each."""
    try:
        guard.coverage(Policy.load("default"))
    except CheckpointError as error:
        return (str(error),)
    return (*_image_tokens(checkpoint), *answer_faults(guard, card, checkpoint.folder))


def answer_faults(guard: Guard, card: EyewardCard, folder: Path) -> tuple[str, ...]:
    """Return what is wrong with a guard's answers, wherever its weights run; probes lie in the folder of its card."""
    return (*_blank(guard), *_probes(guard, card, folder))


def _image_tokens(checkpoint: LoadedCheckpoint) -> Iterator[str]:
    """Compare the count of image tokens with what the model itself makes of an image."""
    import torch

    for width, height in _SIZES:
        prepared = checkpoint.family.prepare(Image.new("RGB", (width, height)))
        with torch.inference_mode():
            given = len(checkpoint.family.reference(checkpoint.model, prepared))
        counted = checkpoint.family.token_count(height, width)
        if given != counted:
            yield (
                f"An image of {width} x {height} pixels makes {given} features, but {counted} tokens are "
                "counted for it."
            )


def _blank(guard: Guard) -> Iterator[str]:
    """Judge a grey image; what it says does not matter, that it can is enough."""
    verdict = guard.assess(Image.new("RGB", (64, 64), (128, 128, 128)), Policy.load("default"))
    if verdict.error is not None:
        yield f"A grey image cannot be judged: {verdict.error.message}"


def _probes(guard: Guard, card: EyewardCard, folder: Path) -> Iterator[str]:
    for probe in card.probes:
        try:
            verdict = guard.assess(folder / probe.image, _policy_of(probe))
        except EyewardError as error:
            yield f"The probe {probe.image} cannot be asked: {error}"
            continue
        if verdict.status is Status.error or verdict.p_unsafe_raw is None:
            yield f"The probe {probe.image} cannot be judged: {verdict.error.message if verdict.error else ''}"
            continue
        if abs(verdict.p_unsafe_raw - probe.p_unsafe_raw) > card.probe_tolerance:
            yield (
                f"The probe {probe.image} has p_unsafe_raw {verdict.p_unsafe_raw:.3f}; when the guard was made it had "
                f"{probe.p_unsafe_raw:.3f}."
            )
        elif (verdict.rating, verdict.category) != (probe.rating, probe.category):
            yield (
                f"The probe {probe.image} is {verdict.rating}, {verdict.category}; when the guard was made it was "
                f"{probe.rating}, {probe.category}."
            )


def _policy_of(probe: Probe) -> Policy:
    if probe.policy is None:
        return Policy.load("default")
    return Policy.from_text(probe.policy) if "\n" in probe.policy else Policy.load(probe.policy)
