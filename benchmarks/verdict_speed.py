"""Verdicts a second beside plain transformers: same machine, same weights, same answers, one run. Ratios first.

Usage: python -m benchmarks.verdict_speed [--model mini] [--images 1000] [--plain-images 96] [--json PATH]

Run it alone on the machine. Eyeward judges `--images` scenes in parity mode; plain transformers, whose speed does not
depend on how many there are, the first `--plain-images` of them: one at a time, and in the batch size that is best for
it. It writes the full JSON, or stops after the category. Medians of three. Answers must be equal where transformers
writes a valid one (a near tie aside), or the run fails.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import eyeward
from benchmarks.plain_transformers import IMAGE_TOKEN, PlainTransformers
from eyeward.engine.protocol import TextSegment
from eyeward.guard.loading import packaged_guards
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

ROUNDS = 3
BATCHES = (8, 16, 32)
FULL_TOKENS = 72
BARS: dict[tuple[str, str], float] = {("score only", "full JSON, one"): 20, ("score only", "full JSON, batch"): 8}
BARS |= {("score only", "to the category, one"): 12, ("score only", "to the category, batch"): 3}
BARS |= {("with rationale", "full JSON, one"): 4, ("with rationale", "full JSON, batch"): 1.5}


def median_of(measure: Callable[[], float]) -> float:
    """Run a measurement several times after one that does not count."""
    measure()
    return statistics.median(measure() for _ in range(ROUNDS))


def plain_prompt(question: Any) -> str:
    """Spell a question as transformers wants it, with one image token."""
    return "".join(s.text if isinstance(s, TextSegment) else IMAGE_TOKEN for s in question.segments)


def tokens_to_category(tokenizer: Any, labels: tuple[str, ...]) -> int:
    """Count the tokens of the longest answer that ends after its category."""
    return max(len(tokenizer(f'{{"rating": "Unsafe", "category": "{label}"')["input_ids"]) for label in labels)


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--plain-images", type=int, default=96)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    loaded: Any = eyeward.load_guard(arguments.model)
    guard = loaded.in_parity_mode()
    plain = PlainTransformers(packaged_guards().get(arguments.model, Path(arguments.model)), guard.engine.dtype)
    policy = Policy.load("default")
    prompt = plain_prompt(guard.profile.question(policy))
    images: list[Image.Image] = [paint(sample_scene(number, "test")) for number in range(arguments.images)]
    few = images[: arguments.plain_images]
    counts = plain.image_tokens(few, plain.prepare(few, return_tensors="pt"))
    short = tokens_to_category(plain.tokenizer, policy.labels)

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

    answers = list(
        guard.engine.judge([guard.profile.prompt(guard.profile.question(policy), i, True, None) for i in few])
    )
    valid = [(a.text, t) for a, t in zip(answers, texts, strict=True) if _is_json(t)]
    equal = sum(a == t for a, t in valid)
    print(f"answers of transformers that are valid JSON: {len(valid)} of {len(few)}; equal to ours: {equal}\n")
    print("| Eyeward | plain transformers | ratio | bar | ms an image, Eyeward | ms an image, transformers |")
    print("|---|---|---|---|---|---|")
    record = []
    for (mine, other), bar in BARS.items():
        a, (b, batch) = seconds[mine], theirs[other]
        print(f"| {mine} | {other} ({batch}) | {b / a:.1f} | {bar} | {1000 * a:.1f} | {1000 * b:.1f} |")
        record.append({"eyeward": mine, "transformers": other, "batch": batch, "ratio": b / a, "bar": bar})
    print(f"\n{torch.get_num_threads()} threads, {guard.engine.dtype}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"rows": record, "seconds": seconds, "plain": theirs}, indent=1))
    if equal < 0.95 * len(valid):
        raise SystemExit("the answers differ")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
