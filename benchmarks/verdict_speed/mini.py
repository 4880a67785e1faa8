"""mini beside plain `generate` of transformers: one image at a time and in its best batch; whole JSON or its start."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from PIL import Image

import eyeward
from benchmarks.plain_transformers import PlainTransformers, plain_prompt
from benchmarks.verdict_speed.table import ROUNDS, Ratio, median_of
from eyeward.guard.loading import packaged_guards
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

BATCHES = (8, 16, 32)
FULL_TOKENS = 72
BARS: dict[tuple[str, str], float] = {("score only", "full JSON, one"): 20, ("score only", "full JSON, batch"): 8}
BARS |= {("score only", "to the category, one"): 12, ("score only", "to the category, batch"): 3}
BARS |= {("with rationale", "full JSON, one"): 4, ("with rationale", "full JSON, batch"): 1.5}


def measure(count: int, plain_count: int) -> list[Ratio]:
    """Judge `count` scenes in parity mode; transformers, whose speed does not depend on the number, `plain_count`.

    Raises:
        SystemExit: when a verdict is an error, or answers differ where transformers writes a valid one.
    """
    loaded: Any = eyeward.load_guard("mini")
    guard = loaded.in_parity_mode()
    plain = PlainTransformers(packaged_guards()["mini"], guard.engine.dtype)
    policy = Policy.load("default")
    question = guard.profile.question(policy)
    prompt = plain_prompt(question)
    images: list[Image.Image] = [paint(sample_scene(number, "test")) for number in range(count)]
    few = images[:plain_count]
    counts = plain.image_tokens(few)
    short = max(len(plain.tokenizer(f'{{"rating": "Unsafe", "category": "{x}"')["input_ids"]) for x in policy.labels)

    def ours(explain: bool) -> float:
        started = time.perf_counter()
        failed = sum(verdict.rating is None for verdict in guard.assess_many(images, policy, explain))
        if failed:
            raise SystemExit(f"{failed} verdicts are errors")
        return (time.perf_counter() - started) / len(images)

    seconds = {"score only": median_of(lambda: ours(False)), "with rationale": median_of(lambda: ours(True))}
    theirs: dict[str, tuple[float, int]] = {}
    texts: list[str] = []
    for name, most in (("full JSON", FULL_TOKENS), ("to the category", short)):
        one = [plain.write(few, prompt, counts, most, 1) for _ in range(ROUNDS)]
        texts = texts or one[0][0]
        theirs[f"{name}, one"] = statistics.median(t for _, t in one) / len(few), 1
        tried = {
            batch: statistics.median(plain.write(few, prompt, counts, most, batch)[1] for _ in range(ROUNDS)) / len(few)
            for batch in BATCHES
        }
        best = min(tried, key=lambda batch: tried[batch])
        theirs[f"{name}, batch"] = tried[best], best

    answers = list(guard.engine.judge([guard.profile.prompt(question, image, True, None) for image in few]))
    valid = [(a.text, t) for a, t in zip(answers, texts, strict=True) if _is_json(t)]
    equal = sum(a == t for a, t in valid)
    print(
        f"mini, {guard.engine.dtype}: {len(valid)} of {len(few)} answers of transformers are valid, {equal} like ours"
    )
    if equal < 0.95 * len(valid):
        raise SystemExit("the answers differ")
    return [
        Ratio(f"mini, {mine}", f"{other} ({theirs[other][1]})", theirs[other][0] / a, bar, a, theirs[other][0])
        for (mine, other), bar in BARS.items()
        for a in [seconds[mine]]
    ]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
