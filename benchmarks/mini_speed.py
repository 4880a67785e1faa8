"""Time what a user waits for: `import eyeward`, and a verdict without rationale from a warm `mini` in batches.

Usage: python -m benchmarks.mini_speed [--model mini] [--images 512] [--json PATH]

Run it alone on the machine. Verdict times take in decoding of PNG bytes, preparation, the model and the scope check.
Beside them: plain transformers on the same prompt, one forward pass an image without a shared prefix.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import eyeward
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.preparation import image_token_count, prepare_image
from eyeward.engine.protocol import TextSegment
from eyeward.guard.loading import packaged_guards
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

ROUNDS = 5


def import_seconds() -> list[float]:
    """Time a fresh interpreter with and without the import; give the differences."""

    def timed(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started

    return [timed("import eyeward") - timed("pass") for _ in range(ROUNDS)]


def plain_seconds(name: str, images: list[Any]) -> float:
    """Time one forward pass an image with transformers alone; give seconds an image."""
    checkpoint = load_checkpoint(packaged_guards().get(name, name), dtype=torch.float32)
    tokenizer: Any = checkpoint.tokenizer
    guard: Any = eyeward.load_guard(name)
    question = guard.profile.question(Policy.load("default"))
    started = time.perf_counter()
    with torch.inference_mode():
        for image in images:
            prepared = prepare_image(image, checkpoint.preparation)
            count = image_token_count(image.height, image.width, checkpoint.preparation)
            text = "".join(
                segment.text if isinstance(segment, TextSegment) else checkpoint.image_token * count
                for segment in question.segments
            )
            checkpoint.model(
                input_ids=torch.tensor([tokenizer(text + '{"rating": "', add_special_tokens=False)["input_ids"]]),
                pixel_values=torch.from_numpy(np.ascontiguousarray(prepared.tiles))[None],
                image_sizes=torch.tensor([[image.height, image.width]]),
                logits_to_keep=1,
            )
    return (time.perf_counter() - started) / len(images)


def main() -> None:
    """Print the times and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    imports = import_seconds()
    guard = eyeward.load_guard(arguments.model)
    pictures = [paint(sample_scene(number, "test")) for number in range(arguments.images)]
    encoded = []
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    rounds = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        errors = sum(verdict.rating is None for verdict in guard.assess_many(encoded, "default"))
        rounds.append((time.perf_counter() - started) / len(encoded))
        if errors:
            raise SystemExit(f"{errors} verdicts are errors")
    warm = statistics.median(rounds[1:])
    plain = plain_seconds(arguments.model, pictures[:64])
    result = {
        "import_seconds": statistics.median(imports),
        "verdict_seconds": warm,
        "verdict_rounds": rounds,
        "plain_seconds": plain,
        "ratio": plain / warm,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
    }
    print(f"import eyeward: {statistics.median(imports):.3f} s (bar 0.3)")
    print(f"verdict without rationale, warm: {1000 * warm:.1f} ms an image (bar 15), {torch.get_num_threads()} threads")
    print(f"plain transformers, one forward pass an image: {1000 * plain:.1f} ms; ratio {plain / warm:.1f}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
