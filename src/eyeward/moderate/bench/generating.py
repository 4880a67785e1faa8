"""Images of prompts from a pipeline of diffusers, without a safety checker: what there is before any guard."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from eyeward.errors import MissingExtra, UsageError
from eyeward.moderate.bench.prompts import Prompt, image_name


def load_pipeline(name: str, device: str) -> Any:
    """Load a pipeline from a folder or the Hub, on a device, with its own safety checker switched off.

    Raises:
        MissingExtra: when diffusers is not installed.
        UsageError: when it cannot be loaded.
    """
    try:
        import diffusers
        import torch
    except ModuleNotFoundError as missing:
        raise MissingExtra("moderate", "Generating images") from missing
    try:
        pipeline = diffusers.DiffusionPipeline.from_pretrained(name)
    except (OSError, ValueError) as problem:
        raise UsageError(f"The pipeline {name!r} cannot be loaded: {problem}") from problem
    if getattr(pipeline, "safety_checker", None) is not None:
        pipeline.safety_checker = None
    pipeline.set_progress_bar_config(disable=True)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return pipeline.to(device)


def generate(
    pipeline: Callable[..., Any],
    prompts: Sequence[Prompt],
    folder: Path,
    *,
    copies: int = 1,
    steps: int | None = None,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Make `copies` images of each prompt and return how many were made; those that are there are kept.

    The seed is that of the prompt, else `seed` plus its number; each copy counts one on. What the pipeline does not
    take is not said to it.

    Raises:
        UsageError: when the pipeline returns no picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = inspect.signature(pipeline).parameters
    made = 0
    for prompt in prompts:
        for copy in range(copies):
            file = folder / image_name(prompt, copy)
            if not file.exists():
                start = seed + prompt.number if prompt.seed is None else prompt.seed
                _save(_picture(pipeline, prompt, start + copy, steps, set(known)), file)
                made += 1
            advance()
    return made


def _picture(
    pipeline: Callable[..., Any], prompt: Prompt, seed: int, steps: int | None, known: set[str]
) -> Image.Image:
    import torch

    said = {
        "num_inference_steps": steps,
        "guidance_scale": prompt.guidance_scale,
        "width": prompt.width,
        "height": prompt.height,
        "output_type": "pil",
        "generator": torch.Generator("cpu").manual_seed(seed % 2**63),
    }
    settings = {name: value for name, value in said.items() if value is not None and name in known}
    images = getattr(pipeline(prompt.text, **settings), "images", None)
    if not isinstance(images, list) or not images or not isinstance(images[0], Image.Image):
        raise UsageError("The pipeline returned no pictures; the bench needs one that makes images from text.")
    return images[0]


def _save(picture: Image.Image, file: Path) -> None:
    unfinished = file.with_name(f".{file.name}.unfinished")
    picture.save(unfinished, "PNG")
    unfinished.replace(file)
