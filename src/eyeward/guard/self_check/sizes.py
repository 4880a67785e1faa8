"""Checks of numbers: image tokens are as many as the model makes, and prompts fit into what it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from eyeward.engine.protocol import ImageSegment, Prompt, TextSlot
from eyeward.guard.self_check.finding import Finding, Subject, does_not_apply, failed, passed
from eyeward.policy import Policy

if TYPE_CHECKING:
    from eyeward.engine.local.families import Family

IMAGE_TOKENS, CONTEXT = "image tokens", "context"

FEW_SIZES = ((64, 64), (317, 90), (90, 411))
"""Width and height of the blank images whose tokens are counted at every load."""
MORE_SIZES = (*FEW_SIZES, (1, 50), (640, 480), (301, 1203))
_ELSEWHERE = "the weights run elsewhere"


def check_image_tokens(subject: Subject, sizes: Sequence[tuple[int, int]]) -> Finding:
    """Compare the count of image tokens with what the model itself makes of an image."""
    checkpoint = subject.checkpoint
    if checkpoint is None:
        return does_not_apply(IMAGE_TOKENS, _ELSEWHERE)
    import torch

    from eyeward.engine.local.families import reference

    causes = []
    for width, height in sizes:
        prepared = checkpoint.family.prepare(Image.new("RGB", (width, height)))
        with torch.inference_mode():
            given = len(reference(checkpoint.family, checkpoint.model, prepared))
        counted = checkpoint.family.token_count(height, width)
        if given != counted:
            causes.append(
                f"An image of {width} x {height} pixels makes {given} features, but {counted} tokens are "
                "counted for it."
            )
    if causes:
        return failed(IMAGE_TOKENS, *causes)
    return passed(IMAGE_TOKENS, f"images of {len(sizes)} sizes make as many features as tokens are counted")


def check_context(subject: Subject, policies: Sequence[Policy]) -> Finding:
    """See that the longest of some policies, the largest image and the longest answer fit into what the model reads."""
    if subject.checkpoint is None or subject.engine is None:
        return does_not_apply(CONTEXT, _ELSEWHERE)
    lengths: dict[str, int] = {}
    answer = 0
    for policy in policies:
        question = subject.question(policy)
        if isinstance(question, str):
            return does_not_apply(CONTEXT, f"the policy {policy.name!r} cannot be asked: {question}")
        layout = subject.engine.tokens.layout(Prompt(question.segments, (), question.form, question.shared_prefix))
        runs = (*layout.shared, *layout.own)
        lengths[policy.name] = sum(len(run) for run in runs if not isinstance(run, ImageSegment))
        text = sum(part.max_tokens for part in question.form.parts if isinstance(part, TextSlot))
        longest = max(len(leaf.tokens) + len(leaf.unsettled) for leaf in layout.tree.leaves)
        closing = len(subject.engine.tokens.ids(layout.tree.tail))
        answer = max(answer, len(layout.tree.tokens), longest + text + closing)
    name = max(lengths, key=lambda policy: lengths[policy])
    image = most_image_tokens(subject.checkpoint.family)
    needed, most = lengths[name] + image + answer, subject.engine.capabilities.context_length
    counts = (
        f"{lengths[name]:,} tokens of the policy {name!r}, {image:,} of the largest image and {answer:,} of the "
        f"longest answer are {needed:,}"
    )
    causes = []
    if needed > most:
        mend = "max_tiles makes images smaller" if image > needed - most else "shorten the policy"
        causes.append(f"{counts}, but the model reads at most {most:,}: such images are errors. {mend.capitalize()}.")
    causes += _lies(subject.checkpoint, needed, most)
    return failed(CONTEXT, *causes) if causes else passed(CONTEXT, f"{counts} of {most:,}")


def most_image_tokens(family: Family) -> int:
    """Return the most tokens that an image has, among many sizes and shapes."""
    shapes = [math.exp(step * math.log(8) / 20) for step in range(-20, 21)]
    sides = (448, 896, 1344, 1800, 2304, 4096, 8000)
    sizes = [(round(side * shape**0.5), round(side / shape**0.5)) for side in sides for shape in shapes]
    return max(family.token_count(height, width) for height, width in sizes)


def _lies(checkpoint: Any, needed: int, most: int) -> list[str]:
    """Compare what the configuration says the model reads with what tokenizer and rotary embedding say."""
    causes = []
    longest = int(checkpoint.tokenizer.model_max_length)
    if longest < min(needed, most):
        causes.append(
            f"tokenizer_config.json says that the model reads {longest:,} tokens (model_max_length), config.json says "
            f"{most:,}, and {needed:,} are needed: correct the one that is wrong."
        )
    rope = getattr(checkpoint.model.config.text_config, "rope_parameters", None) or {}
    stretched = rope.get("rope_type", "default") in ("linear", "dynamic", "yarn")
    original = rope.get("original_max_position_embeddings")
    reach = int(original * (rope.get("factor") or 1.0)) if stretched and original else most
    if reach < min(needed, most):
        causes.append(
            f"The rotary embedding reaches {reach:,} tokens ({original:,} times its factor), config.json says "
            f"{most:,}, and {needed:,} are needed: correct rope_scaling or max_position_embeddings."
        )
    return causes
