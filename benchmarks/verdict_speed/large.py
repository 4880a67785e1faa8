"""Published shapes with random weights beside plain transformers; and one image under eight policies."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import eyeward
from benchmarks.plain_transformers import PlainTransformers, plain_prompt
from benchmarks.random_checkpoint import Shape, make_random_checkpoint
from benchmarks.verdict_speed.table import ROUNDS, Ratio
from eyeward.engine.protocol import Forced, Prompt, TextSlot
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

ANSWER_TOKENS = 130
PLAIN_BATCHES = (4, 8)
SIZES = {"square": (384, 384), "non-square": (384, 288)}
BARS = {
    ("image first", "non-square"): (2.2, 1.1),
    ("policy first", "non-square"): (2.9, 1.45),
    ("image first", "square"): (2.5, 1.25),
    ("policy first", "square"): (3.5, 1.9),
}
POLICY_BARS = {384: 2.3, 1024: 4.0}
GAP = 0.02
"""Largest difference of a label's probability from that of transformers, in bfloat16."""


@dataclass(frozen=True)
class Setting:
    """Which shape, where its weights are kept, and on what they run."""

    shape: Shape
    folder: Path
    device: str = "cpu"
    images: int = 8

    def checkpoint(self, policy_first: bool) -> Path:
        """Return the folder of the random checkpoint; it is made when it is not there."""
        order = "policy-first" if policy_first else "image-first"
        return make_random_checkpoint(
            self.folder / f"random-{self.shape.value}-{order}", self.shape, policy_first, self.device
        )

    def guard(self, policy_first: bool) -> Any:
        """Load it in parity mode, without a self check: random weights pass none."""
        loaded: Any = eyeward.load_guard(self.checkpoint(policy_first), device=self.device, self_check="off")
        return loaded.in_parity_mode()


def pictures(size: tuple[int, int], count: int) -> list[Image.Image]:
    """Draw scenes and resize them."""
    return [paint(sample_scene(number, "test")).resize(size) for number in range(count)]


def timed(engine: Any, prompts: Sequence[Prompt]) -> float:
    """Judge prompts; give the seconds. SystemExit when one is an error."""
    started = time.perf_counter()
    failed = [answer.error.message for answer in engine.judge(prompts) if answer.error is not None]
    if failed:
        raise SystemExit(f"{len(failed)} answers are errors: {failed[0]}")
    return time.perf_counter() - started


def measure(setting: Setting, kinds: Sequence[str]) -> list[Ratio]:
    """Compare scores with whole answers of 130 tokens, for images of these kinds and both orders of the prompt."""
    plain: dict[str, dict[str, tuple[float, int]]] = {}
    ours: dict[tuple[str, str, bool], float] = {}
    for policy_first in (False, True):
        guard = setting.guard(policy_first)
        order = "policy first" if policy_first else "image first"
        question = guard.profile.question(Policy.load("default"))
        other = PlainTransformers(setting.checkpoint(policy_first), guard.engine.dtype, setting.device)
        for kind in kinds:
            images = pictures(SIZES[kind], setting.images)
            _check(guard, question, other, images[0])
            if not policy_first:
                plain[kind] = _plain(other, images, plain_prompt(question))
        del other
        for kind in kinds:
            images = pictures(SIZES[kind], setting.images)
            prompts = [guard.profile.prompt(question, image, False, None) for image in images]
            ours[order, kind, False] = statistics.median(timed(guard.engine, prompts) for _ in range(ROUNDS)) / len(
                images
            )
            if policy_first:
                ours[order, kind, True] = _writing(guard, question, images)
    rows = []
    for (order, kind), bars in BARS.items():
        for other_way, bar in zip(("one", "batch"), bars, strict=True):
            for explain in (False, True):
                if (order, kind, explain) in ours:
                    mine, (theirs, batch) = ours[order, kind, explain], plain[kind][other_way]
                    what = f"{setting.shape}, {order}, {kind}, {'with rationale' if explain else 'score only'}"
                    beside = f"{ANSWER_TOKENS} tokens, {other_way} ({batch})"
                    rows.append(Ratio(what, beside, theirs / mine, None if explain else bar, mine, theirs))
    return rows


def _plain(other: PlainTransformers, images: Sequence[Image.Image], prompt: str) -> dict[str, tuple[float, int]]:
    """Time `generate`, one at a time and in its best batch: seconds an image, and the batch."""
    counts = other.image_tokens(images)

    def seconds(batch: int, rounds: int = ROUNDS) -> float:
        took = [other.write(images, prompt, counts, ANSWER_TOKENS, batch, ANSWER_TOKENS)[1] for _ in range(rounds)]
        return statistics.median(took) / len(images)

    best = min((batch for batch in PLAIN_BATCHES if batch <= len(images)), key=lambda batch: seconds(batch, 1))
    return {"one": (seconds(1), 1), "batch": (seconds(best), best)}


def _writing(guard: Any, question: Any, images: Sequence[Image.Image]) -> float:
    """Time answers with free text of as many tokens as those of transformers; once, since it has no bar."""
    form = question.form
    parts = tuple(replace(p, max_tokens=ANSWER_TOKENS - 25) if isinstance(p, TextSlot) else p for p in form.parts)
    prompts = [
        replace(guard.profile.prompt(question, image, True, None), form=replace(form, parts=parts)) for image in images
    ]
    return timed(guard.engine, prompts) / len(images)


def _check(guard: Any, question: Any, other: PlainTransformers, image: Image.Image) -> None:
    """Compare the probability of the first label with what transformers says; SystemExit when they differ."""
    (answer,) = guard.engine.judge([guard.profile.prompt(question, image, False, None)])
    opening = question.form.parts[0]
    assert isinstance(opening, Forced)
    slot = question.form.label_slots[0]
    prompt = plain_prompt(question)
    tokens = [_first_tokens(other.tokenizer, opening.text, label) for label in slot.labels]
    shared = 0
    while len({ids[: shared + 1] for ids in tokens}) == 1:
        shared += 1
    before = other.tokenizer.decode(list(tokens[0][:shared]))
    logits = other.next_logits(image, prompt + before, other.image_tokens([image])[0])
    theirs = torch.softmax(logits[[ids[shared] for ids in tokens]], -1).tolist()
    mine = [math.exp(answer.scores_of(slot.name)[label]) for label in slot.labels]
    gap = max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
    print(f"{image.size}, {answer.tokens}: probability of {slot.labels} {mine} here, {theirs} in transformers")
    if gap > GAP:
        raise SystemExit(f"the probabilities of {slot.labels} differ by {gap:.3f}")


def _first_tokens(tokenizer: Any, opening: str, label: str) -> tuple[int, ...]:
    return tuple(tokenizer(opening + label, add_special_tokens=False)["input_ids"])


def measure_policies(setting: Setting) -> list[Ratio]:
    """Judge one image under eight policies of full length together, and one by one."""
    guard = setting.guard(False)
    policy = Policy.load("default")
    ids = [category.id for category in policy.categories]
    policies = [policy.reorder([*ids[turn:], *ids[:turn]]) for turn in range(8)]
    questions = [guard.profile.question(policy) for policy in policies]
    rows = []
    for side, bar in POLICY_BARS.items():
        image = pictures((side, side), 1)[0]
        prompts = [guard.profile.prompt(question, image, False, None) for question in questions]
        rounds = ROUNDS if side < 1000 else 1
        turns = [
            (timed(guard.engine, prompts), sum(timed(guard.engine, [one]) for one in prompts)) for _ in range(rounds)
        ]
        together, apart = (statistics.median(times) for times in zip(*turns, strict=True))
        rows.append(Ratio(f"eight policies, {side} px", "eight calls", apart / together, bar, together, apart))
    return rows
