"""Threads or processes for decoding and preparation: what each brings, alone and beside the model.

Usage: python -m benchmarks.preparation_workers [--images 400] [--json PATH]

Run it alone on the machine. JPEGs of 640 pixels are decoded and cut into tiles of 384 (the published LLaVA-OneVision
settings), one after the other, in threads and in processes; the tiles go back to the caller, as an engine needs them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.random_checkpoint import PINPOINTS, TILE
from benchmarks.verdict_speed.folder import write_folder
from eyeward.engine.local.preparation import PreparationConfig, PreparedImage, prepare_image
from eyeward.images import DecodedImage, decode

CONFIG = PreparationConfig(
    tile_size=TILE,
    patch_size=14,
    grid_pinpoints=tuple((height, width) for height, width in PINPOINTS),
    image_mean=(0.5, 0.5, 0.5),
    image_std=(0.5, 0.5, 0.5),
    resample=Image.Resampling.BICUBIC,
)
WORKERS = 2
ROUNDS = 3


def prepared(file: Path) -> PreparedImage:
    """Decode a file and cut it into tiles."""
    image = decode(file)
    assert isinstance(image, DecodedImage)
    return prepare_image(image.frames[0].pixels, CONFIG)


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    record = {}
    with (
        tempfile.TemporaryDirectory() as place,
        ThreadPoolExecutor(WORKERS) as threads,
        ProcessPoolExecutor(WORKERS) as processes,
    ):
        files = write_folder(Path(place), arguments.images)
        ways: dict[str, Callable[[Callable[[Path], Any], Iterable[Path]], Iterable[Any]]] = {
            "one after the other": map,
            f"{WORKERS} threads": threads.map,
            f"{WORKERS} processes": lambda work, items: processes.map(work, items, chunksize=4),
        }
        print("| way | ms an image |")
        print("|---|---|")
        for name, way in ways.items():
            took = []
            for _ in range(ROUNDS + 1):
                started = time.perf_counter()
                tiles = sum(image.tiling.tiles for image in way(prepared, files))
                took.append((time.perf_counter() - started) / len(files))
            record[name] = statistics.median(took[1:])
            print(f"| {name} | {1000 * record[name]:.1f} |", flush=True)
        print(f"\n{len(files)} JPEGs, {tiles} tiles")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
