"""What `max_tiles` saves in time, and what it costs in verdicts.

Usage: python -m benchmarks.tile_caps [--model GUARD] [--caps 1 2 4 6 9] [--sizes 384x384 1920x1080] [--rounds 3]
           [--labels labels.jsonl | --images FOLDER] [--weights DIR] [--device auto] [--json PATH]

Run it alone on the machine. Without --model it makes a LLaVA-OneVision of 0.5B with random weights (tiles of 384
pixels) and times that: seconds do not depend on what weights say. Images go one at a time; the prompt is that of the
default policy, the policy first and warm, scores only. `language` is the whole less preparation and vision tower.

What a cap costs in verdicts needs a trained guard with more than one tile and images that need them, given with --model
and --labels (rows with `image` and `rating`; paths from the file's folder) or --images. `mini` reads one tile of each
image, so a cap changes nothing there: with the weights that ship, this cost cannot be measured.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.tile_cap import cap_tiles
from eyeward.errors import UsageError
from eyeward.guard.guard import Guard
from eyeward.guard.loading import assemble, load_subject
from eyeward.guard.self_check import Subject
from eyeward.policy import Policy

CAPS = (1, 2, 4, 6, 9)
SIZES = ("384x384", "640x480", "1024x1024", "1920x1080")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
ALL = "all"
"""What the table calls no cap."""

Row = dict[str, Any]


def capped_guards(subject: Subject, caps: Sequence[int]) -> dict[str, Guard]:
    """Return the guard as it is, then under each cap that its family can keep; the weights are there once."""
    assert subject.checkpoint is not None
    guards = {ALL: subject.guard}
    for most in caps:
        try:
            checkpoint = cap_tiles(subject.checkpoint, most)
        except UsageError as refusal:
            print(f"max_tiles {most}: {refusal}")
            continue
        guards[str(most)] = assemble(subject.card, checkpoint, LocalEngine(checkpoint), f"local(max_tiles={most})")
    return guards


@dataclass
class Timing:
    """One image under one cap: what is run, and the seconds that each part took."""

    cap: str
    family: Any
    runs: dict[str, Callable[[], object]]
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def median(self, part: str) -> float:
        """Return the middle of the times of a part."""
        return statistics.median(self.seconds[part])


def timing(cap: str, guard: Guard, checkpoint: Any, image: Image.Image) -> Timing:
    """Say how to prepare an image, to run the vision tower over it, and to judge it."""
    family = checkpoint.family if cap == ALL else checkpoint.family.capped(int(cap))
    question = guard.profile.question(Policy.load("default"))
    prompt = guard.profile.prompt(question, image, False, guard.rule)
    prepared = family.prepare(image)

    def see() -> None:
        with torch.inference_mode():
            family.encode(checkpoint.model, [prepared], ())
        if checkpoint.model.device.type == "cuda":
            torch.cuda.synchronize()

    def judge() -> None:
        (answer,) = guard.engine.judge([prompt])
        if answer.error is not None:
            raise SystemExit(answer.error.message)

    return Timing(cap, family, {"preparing": lambda: family.prepare(image), "vision": see, "whole": judge})


def speed(subject: Subject, guards: dict[str, Guard], sizes: Sequence[tuple[int, int]], rounds: int) -> list[Row]:
    """Time every cap on every size, in turns, so that a machine that slows down slows all of them.

    A cap that cuts an image as no cap does is not timed again.
    """
    rows = []
    for width, height in sizes:
        image = Image.radial_gradient("L").resize((width, height)).convert("RGB")
        plans: dict[object, Timing] = {}
        under: list[tuple[str, Timing]] = []
        for cap, guard in guards.items():
            made = timing(cap, guard, subject.checkpoint, image)
            under.append((cap, plans.setdefault(made.family.settings.tiling(height, width), made)))
        for number in range(rounds + 1):
            for made in plans.values():
                for part, run in made.runs.items():
                    started = time.perf_counter()
                    run()
                    if number:  # the first is to get warm
                        made.seconds[part].append(time.perf_counter() - started)
        rows += [_row(cap, made, under[0][1], (width, height)) for cap, made in under]
    return rows


def _row(cap: str, made: Timing, uncapped: Timing, size: tuple[int, int]) -> Row:
    preparing, vision, whole = (made.median(part) for part in ("preparing", "vision", "whole"))
    return {
        "size": f"{size[0]}x{size[1]}",
        "cap": cap,
        "as": made.cap,
        "ratio": uncapped.median("whole") / whole,
        "tiles": made.family.settings.tiling(size[1], size[0]).tiles,
        "tokens": made.family.token_count(size[1], size[0]),
        "preparing": preparing,
        "vision": vision,
        "language": whole - vision - preparing,
        "whole": whole,
    }


def agreement(guards: dict[str, Guard], images: Sequence[tuple[Path, str | None]]) -> list[Row]:
    """Compare the verdicts under each cap with those without, and with the truth where it is known."""
    paths = [path for path, _ in images]
    truth = [rating for _, rating in images]
    verdicts = {name: list(guard.assess_many(paths, "default")) for name, guard in guards.items()}
    rows = []
    for name, given in verdicts.items():
        pairs = list(zip(given, verdicts[ALL], strict=True))
        apart = [abs(a.p_unsafe - b.p_unsafe) for a, b in pairs if a.p_unsafe is not None and b.p_unsafe is not None]
        known = [(verdict.rating, rating) for verdict, rating in zip(given, truth, strict=True) if rating is not None]
        rows.append(
            {
                "cap": name,
                "images": len(paths),
                "errors": sum(verdict.rating is None for verdict in given),
                "same_rating": sum(a.rating is not None and a.rating == b.rating for a, b in pairs) / len(paths),
                "same_category": sum(a.rating is not None and a.category == b.category for a, b in pairs) / len(paths),
                "mean_p_difference": statistics.fmean(apart) if apart else None,
                "right": sum(given == rating for given, rating in known) / len(known) if known else None,
            }
        )
    return rows


def labelled(labels: Path | None, folder: Path | None) -> list[tuple[Path, str | None]]:
    """List images with their true ratings; without where only a folder is given."""
    if labels is not None:
        rows = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [(labels.parent / row["image"], row["rating"]) for row in rows]
    if folder is not None:
        return [(path, None) for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    return []


def _print_speed(rows: Sequence[Row]) -> None:
    print("| image | max_tiles | times as quick | views | image tokens | s an image | preparing | vision | language |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        cells = f"| {row['size']} | {row['cap']} | "
        if row["as"] == row["cap"]:
            parts = " | ".join(f"{row[part]:.3f}" for part in ("whole", "preparing", "vision", "language"))
            print(f"{cells}{row['ratio']:.2f} | {row['tiles']} | {row['tokens']:,} | {parts} |")
        else:
            print(f"{cells}as {row['as']} | {row['tiles']} | {row['tokens']:,} | | | | |")


def _print_agreement(rows: Sequence[Row]) -> None:
    print("| max_tiles | images | errors | same rating | same category | mean p difference | right ratings |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        mean = "none" if row["mean_p_difference"] is None else f"{row['mean_p_difference']:.4f}"
        right = "not known" if row["right"] is None else f"{row['right']:.1%}"
        same = f"{row['same_rating']:.1%} | {row['same_category']:.1%}"
        print(f"| {row['cap']} | {row['images']} | {row['errors']} | {same} | {mean} | {right} |")


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a guard; default: 0.5B with random weights")
    parser.add_argument("--caps", type=int, nargs="+", default=list(CAPS))
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), metavar="WIDTHxHEIGHT")
    parser.add_argument("--rounds", type=int, default=3)
    images = parser.add_mutually_exclusive_group()
    images.add_argument("--labels", type=Path, help="judge these images under every cap")
    images.add_argument("--images", type=Path, help="judge all images of a folder under every cap")
    parser.add_argument("--weights", type=Path, help="where the random weights are kept; default: nowhere")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    sizes = [(int(width), int(height)) for width, height in (size.split("x") for size in arguments.sizes)]
    with tempfile.TemporaryDirectory() as scratch:
        name = arguments.model
        if name is None:
            from benchmarks.random_checkpoint import Shape, make_random_checkpoint

            folder = arguments.weights or Path(scratch) / "random"
            name = str(make_random_checkpoint(folder, Shape.half_billion, policy_first=True))
        subject = load_subject(name, device=arguments.device)
        assert subject.checkpoint is not None
        guards = capped_guards(subject, arguments.caps)
        if len(guards) == 1:
            raise SystemExit("There is no cap to time: this guard cuts no tiles, or no cap leaves it a grid.")
        rows = speed(subject, guards, sizes, arguments.rounds)
        judged = labelled(arguments.labels, arguments.images)
        agreed = agreement(guards, judged) if judged else []
    weights = subject.checkpoint.model
    print(f"{subject.card.name}, {weights.dtype}, {weights.device}, {torch.get_num_threads()} threads\n")
    _print_speed(rows)
    if agreed:
        print()
        _print_agreement(agreed)
    elif arguments.model is None:
        print("\nThe weights are random, and mini reads one tile of each image: what a cap costs in verdicts is not")
        print("measured here. Give --model and --labels for that.")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "model": subject.card.name,
            "dtype": str(weights.dtype),
            "device": str(weights.device),
            "threads": torch.get_num_threads(),
            "machine": platform.machine(),
            "speed": rows,
            "agreement": agreed,
        }
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
