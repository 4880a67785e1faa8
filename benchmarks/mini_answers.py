"""Check the answers themselves: valid JSON always, and in parity mode what greedy `generate` of transformers writes.

Usage: python -m benchmarks.mini_answers [--model mini] [--scenes 500] [--json PATH]

Each held-out scene is asked with a rationale, in float32, once through the guard in parity mode and once through
transformers' own `generate` on the same prompt (image tokens expanded, tiles prepared). Where `generate` gives a valid
answer the two must be equal token for token, but where its two best logits differ by less than 0.001; those are listed.
Where it gives a valid answer for less than half of the scenes, too little was compared, and that is a miss as well.
Rationales are compared with the true ones where the rating is right: the sentence on what is seen, and the one on what
decides.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import eyeward
from benchmarks.mini_bars import wilson
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.preparation import image_token_count, prepare_image
from eyeward.engine.protocol import TextSegment
from eyeward.guard.loading import packaged_guards
from eyeward.policy import Policy
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.paint import paint
from eyeward.scenes.rationale import rationale
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide
from eyeward.verdict import Verdict

NEAR_TIE = 1e-3
COMPARED_SHARE = 0.5
"""Share of the scenes in which `generate` must give a valid answer for the comparison to say anything."""
KEYS = {"rating", "category", "rationale"}


@dataclass(frozen=True)
class Counts:
    """What came out, in scenes."""

    scenes: int
    valid: int
    """Ours are JSON with the three keys."""
    calibrated_errors: int
    generate_valid: int
    """So are those of `generate`; only these are compared."""
    equal: int
    near_ties: tuple[str, ...]
    """Where the two differ, and the two best logits hardly do."""
    different: tuple[str, ...]
    """Where the two differ otherwise."""

    def missed(self) -> tuple[str, ...]:
        """Say what is not as it must be, one sentence each."""
        compared = f"`generate` gives a valid answer in {self.generate_valid} of {self.scenes}"
        found = {
            f"Missed: valid JSON in {self.valid} of {self.scenes} only.": self.valid < self.scenes,
            f"Missed: {self.calibrated_errors} errors in calibrated mode.": self.calibrated_errors > 0,
            f"Missed: {len(self.different)} answers differ from those of `generate`.": len(self.different) > 0,
            f"Missed: {compared}, too few to compare.": self.generate_valid < COMPARED_SHARE * self.scenes,
        }
        return tuple(sentence for sentence, missed in found.items() if missed)


def is_answer(text: str) -> bool:
    """Whether a text is a JSON object with the three keys of an answer."""
    try:
        read = json.loads(text)
    except ValueError:
        return False
    return isinstance(read, dict) and set(read) == KEYS


def reasons_right(graph: SceneGraph, verdict: Verdict, policy: Policy) -> tuple[bool, bool] | None:
    """Say which sentences of a rationale are the true ones, word for word; None where the rating is wrong already."""
    truth = decide(graph, policy)
    if verdict.rating is not truth.rating or verdict.rationale is None:
        return None
    seen, _, decided = verdict.rationale.partition(". ")
    true_seen, _, true_decided = rationale(graph, truth).partition(". ")
    return seen == true_seen, decided == true_decided


def main() -> None:
    """Print the counts and write them as JSON; exit with 1 when one is invalid or differs, or few are compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    guard: Any = eyeward.load_guard(arguments.model, dtype=torch.float32)
    parity = guard.in_parity_mode()
    checkpoint = load_checkpoint(packaged_guards().get(arguments.model, arguments.model), dtype=torch.float32)
    model: Any = checkpoint.model
    tokenizer: Any = checkpoint.tokenizer
    policy = Policy.load("default")
    question = parity.profile.question(policy)
    graphs = [sample_scene(number, "test") for number in range(arguments.scenes)]
    images = [paint(graph) for graph in graphs]
    answers = list(parity.engine.judge([parity.profile.prompt(question, image, True, None) for image in images]))
    calibrated = list(guard.assess_many(images, policy, explain=True))

    valid = equal = generated_valid = 0
    ties: list[str] = []
    different: list[str] = []
    ours_seconds = theirs_seconds = 0.0
    for number, (image, answer) in enumerate(zip(images, answers, strict=True)):
        valid += answer.error is None and is_answer(answer.text)
        prepared = prepare_image(image, checkpoint.preparation)
        count = image_token_count(image.height, image.width, checkpoint.preparation)
        text = "".join(
            segment.text if isinstance(segment, TextSegment) else checkpoint.image_token * count
            for segment in question.segments
        )
        started = time.perf_counter()
        out = model.generate(
            input_ids=torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]]),
            pixel_values=torch.from_numpy(np.ascontiguousarray(prepared.tiles))[None],
            image_sizes=torch.tensor([[image.height, image.width]]),
            do_sample=False,
            max_new_tokens=120,
            output_logits=True,
            return_dict_in_generate=True,
        )
        theirs_seconds += time.perf_counter() - started
        length = len(out.logits)
        written = [t for t in out.sequences[0, -length:].tolist() if t not in checkpoint.eos_token_ids]
        if not is_answer(tokenizer.decode(written)):
            continue
        generated_valid += 1
        told = [t for t in answer.token_ids if t not in checkpoint.eos_token_ids]
        if told == written:
            equal += 1
            continue
        first = next(
            (k for k, pair in enumerate(zip(told, written, strict=False)) if pair[0] != pair[1]),
            min(len(told), len(written)),
        )
        best = out.logits[min(first, length - 1)][0].topk(2).values
        place = f"scene {number}, token {first}, gap {float(best[0] - best[1]):.2e}"
        (ties if float(best[0] - best[1]) < NEAR_TIE else different).append(place)
    started = time.perf_counter()
    list(parity.engine.judge([parity.profile.prompt(question, image, True, None) for image in images]))
    ours_seconds = time.perf_counter() - started
    failed = sum(verdict.rating is None for verdict in calibrated)
    reasons = [reasons_right(graph, verdict, policy) for graph, verdict in zip(graphs, calibrated, strict=True)]
    judged = [right for right in reasons if right is not None]
    seen_right, decided_right = (sum(right[part] for right in judged) for part in (0, 1))
    counts = Counts(arguments.scenes, valid, failed, generated_valid, equal, tuple(ties), tuple(different))
    result = {
        "rationales": len(judged),
        "seen_right": seen_right,
        "decided_right": decided_right,
        **asdict(counts),
        "seconds_ours": ours_seconds,
        "seconds_generate": theirs_seconds,
        "ratio": theirs_seconds / ours_seconds,
    }
    print(f"valid JSON: {valid} of {arguments.scenes}; errors in calibrated mode: {failed}")
    print(
        f"generate valid: {generated_valid} of {arguments.scenes}; equal token for token: {equal} of {generated_valid}"
        f"; near ties: {ties}; different: {different}"
    )
    for name, count in (("what is seen", seen_right), ("what decides", decided_right)):
        share, low, high = wilson(count, len(judged))
        print(f"rationale word for word right on {name}: {share:.3f} ({low:.3f}-{high:.3f}), n {len(judged)}")
    ours, theirs = (1000 * seconds / arguments.scenes for seconds in (ours_seconds, theirs_seconds))
    print(
        f"with rationale: {ours:.1f} ms an image, batched; generate, one by one: {theirs:.1f} ms; {theirs / ours:.1f}x"
    )
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1))
    for sentence in counts.missed():
        print(sentence)
    if counts.missed():
        raise SystemExit(1)


if __name__ == "__main__":
    main()
