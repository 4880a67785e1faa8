"""Rendered scenes kept on disk: pixels as the guard sees them, and the graphs that they were drawn from."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from rich.progress import track

from eyeward.errors import UsageError
from eyeward.scenes.graph import SceneGraph
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene

RENDER_SIZE = 224
_CHUNK = 250


@dataclass(frozen=True)
class Pictures:
    """Pictures in memory-mapped form with their graphs."""

    pixels: np.ndarray
    """uint8 [pictures, side, side, 3]"""
    graphs: tuple[SceneGraph, ...]


def worn(image: Image.Image, rng: random.Random) -> Image.Image:
    """Give a picture the marks of a life on the web: JPEG, smaller size, blur, noise or fewer colours."""
    kind = rng.choice(("jpeg", "resize", "blur", "noise", "posterize", "brightness"))
    if kind == "jpeg":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=rng.randint(25, 90))
        return Image.open(buffer).convert("RGB")
    if kind == "resize":
        side = rng.randint(96, 200)
        return image.resize((side, side), Image.Resampling.BILINEAR)
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
    array = np.asarray(image).astype(np.float64)
    if kind == "noise":
        array = array + np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(4, 20), array.shape)
    elif kind == "posterize":
        step = 256 // rng.choice((6, 8, 12, 16))
        array = array // step * step + step / 2
    else:
        array = (array - 128) * rng.uniform(0.75, 1.2) + 128 + rng.uniform(-25, 25)
    return Image.fromarray(array.clip(0, 255).astype(np.uint8))


def draw(graph: SceneGraph, side: int, wear: float = 0.0) -> np.ndarray:
    """Draw a scene as the guard receives it, uint8 [side, side, 3]; with probability `wear` it is worn first."""
    rng = random.Random(f"wear {graph.seed}")
    image = paint(graph, RENDER_SIZE)
    if rng.random() < wear:
        image = worn(image, rng)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


def _draw_chunk(seeds: Sequence[int], split: str, side: int, wear: float) -> tuple[list[SceneGraph], np.ndarray]:
    graphs = [sample_scene(seed, split) for seed in seeds]
    return graphs, np.stack([draw(graph, side, wear) for graph in graphs])


def rendered(folder: Path, count: int, first_seed: int, split: str, side: int, wear: float) -> Pictures:
    """Return `count` scenes from `folder`, drawing them first, on all processors, when they are not there yet.

    Raises:
        UsageError: when the folder holds pictures of other settings; pictures and graphs must belong together.
    """
    settings = {"count": count, "first_seed": first_seed, "split": split, "side": side, "wear": wear}
    done = folder / "settings.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.lib.format.open_memmap(
            folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=(count, side, side, 3)
        )
        starts = range(0, count, _CHUNK)
        # Forked workers would inherit locks of threads that torch has started.
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool, (folder / "graphs.jsonl").open("w") as lines:
            jobs = [
                pool.submit(_draw_chunk, range(first_seed + s, first_seed + min(s + _CHUNK, count)), split, side, wear)
                for s in starts
            ]
            for start, job in track(list(zip(starts, jobs, strict=True)), f"drawing {count} scenes"):
                graphs, chunk = job.result()
                pixels[start : start + len(chunk)] = chunk
                lines.writelines(graph.to_json() + "\n" for graph in graphs)
        pixels.flush()
        done.write_text(json.dumps(settings))
    found = json.loads(done.read_text())
    if found != settings:
        differing = ", ".join(
            f"{key} {found.get(key)} and not {value}" for key, value in settings.items() if found.get(key) != value
        )
        raise UsageError(
            f"{folder} holds pictures that were drawn with {differing}. Name another folder with --pictures, or remove "
            "this one to draw them again."
        )
    lines_read = (folder / "graphs.jsonl").read_text().splitlines()
    return Pictures(np.load(folder / "pixels.npy", mmap_mode="r"), tuple(map(SceneGraph.from_json, lines_read)))
