"""Measure whether `mini` knows what it does not know: photographs must come out as Review, drawn scenes must not.

Usage: python -m benchmarks.mini_scope [--model mini] [--scenes 2000] [--json PATH]

Photographs are the sample images inside scikit-image and scikit-learn. The scope check was tuned on scenes and on the
photographs of the first half (every other file name); only the second half is reported, as whole pictures and as 300
crops, with textures and screenshots of text. Held-out scenes are reported as they are and re-encoded as JPEG, resized,
noised and posterized. Intervals are 95 % (Wilson).
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import eyeward
from benchmarks.mini_bars import wilson
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.verdict import Rating

PHOTOGRAPHS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "china.jpg",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "flower.jpg",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
TEXTURES = ("brick.png", "grass.png", "gravel.png")
TEXTS = ("page.png", "text.png")
CROPS = 300


def folders() -> tuple[Path, Path]:
    """Find the sample images of scikit-image and scikit-learn."""
    import skimage
    import sklearn

    return Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images"


def opened(name: str) -> Image.Image:
    """Open a sample image by name."""
    (path,) = (folder / name for folder in folders() if (folder / name).exists())
    return Image.open(path).convert("RGB")


def halves() -> tuple[list[Image.Image], list[Image.Image]]:
    """Give the photographs to tune on and those to report."""
    pictures = [opened(name) for name in PHOTOGRAPHS]
    return pictures[::2], pictures[1::2]


def crops(pictures: Sequence[Image.Image], count: int, seed: str) -> list[Image.Image]:
    """Cut random squares of 60 to 400 pixels, or as large as the picture allows."""
    rng = random.Random(seed)
    cut = []
    for _ in range(count):
        picture = rng.choice(pictures)
        side = min(rng.randint(60, 400), *picture.size)
        left, top = rng.randint(0, picture.width - side), rng.randint(0, picture.height - side)
        cut.append(picture.crop((left, top, left + side, top + side)))
    return cut


def textures() -> list[Image.Image]:
    """Give texture photographs, cut, and drawn noise of several grains."""
    cut = crops([opened(name) for name in TEXTURES], 30, "textures")
    numbers = np.random.default_rng(5)
    for grain in (1, 2, 4, 8, 16):
        for _ in range(4):
            noise = numbers.integers(0, 256, (224 // grain, 224 // grain, 3), dtype=np.uint8)
            cut.append(Image.fromarray(noise).resize((224, 224), Image.Resampling.NEAREST))
    return cut


def texts() -> list[Image.Image]:
    """Give scans of text, cut, and drawn screenshots of text."""
    cut = crops([opened(name) for name in TEXTS], 20, "texts")
    rng = random.Random("screens")
    words = (
        "settings",
        "menu",
        "file",
        "edit",
        "view",
        "window",
        "help",
        "the",
        "report",
        "of",
        "yesterday",
        "is",
        "open",
    )
    for number in range(20):
        dark = number % 2 == 0
        image = Image.new("RGB", (480, 320), (30, 32, 38) if dark else (252, 252, 252))
        pen = ImageDraw.Draw(image)
        for line in range(16):
            text = " ".join(rng.choices(words, k=rng.randint(3, 12)))
            pen.text((12, 10 + 19 * line), text, fill=(220, 220, 220) if dark else (20, 20, 20))
        cut.append(image)
    return cut


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return Image.open(buffer).convert("RGB")


def resized(image: Image.Image) -> Image.Image:
    return image.resize((140, 140), Image.Resampling.BILINEAR)


def noised(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(3).normal(0, 10, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def posterized(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) // 32 * 32 + 16).astype(np.uint8))


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    guard = eyeward.load_guard(arguments.model)
    tuned, reported = halves()
    scenes = [paint(sample_scene(number, "test")) for number in range(arguments.scenes)]
    sets: list[tuple[str, list[Image.Image], str]] = [
        ("photographs, tuned on", tuned, ""),
        ("photographs, reported", reported, ">= 0.95"),
        ("crops of photographs, reported", crops(reported, CROPS, "reported"), ">= 0.95"),
        ("textures", textures(), ">= 0.95"),
        ("text", texts(), ">= 0.95"),
        ("scenes", scenes, "<= 0.03"),
        ("scenes, JPEG", [jpeg(s) for s in scenes], "<= 0.03"),
        ("scenes, resized", [resized(s) for s in scenes], "<= 0.03"),
        ("scenes, noised", [noised(s) for s in scenes], "<= 0.03"),
        ("scenes, posterized", [posterized(s) for s in scenes], "<= 0.03"),
    ]
    print("| images | n | Review (95 %) | bar |\n|---|---|---|---|")
    record = []
    for name, images, bar in sets:
        verdicts = list(guard.assess_many(images, "default"))
        share, low, high = wilson(sum(v.rating is Rating.Review for v in verdicts), len(verdicts))
        record.append({"images": name, "count": len(images), "review": share, "low": low, "high": high, "bar": bar})
        print(f"| {name} | {len(images)} | {share:.3f} ({low:.3f}-{high:.3f}) | {bar} |", flush=True)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
