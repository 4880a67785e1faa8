"""The names that published checkpoints give their tensors: the one layout that transformers and servers all read.

Transformers changes the names of its modules from time to time and reads the older ones; servers read those that were
published. vLLM 0.32 finds no vision tower under the names that transformers 5 writes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eyeward.errors import CheckpointError

_LLAVA = frozenset({"llava", "llava_next", "llava_onevision"})
_WRAPPED_TOWERS = frozenset({"clip_vision_model", "siglip_vision_model"})
"""Vision towers that published checkpoints wrap in a module called `vision_model`."""
_LENGTH_BYTES = 8
_MOST_HEADER = 100_000_000
_ALIGNMENT = 8
_COPIED_AT_ONCE = 16 * 1024 * 1024


def published_name(settings: Mapping[str, Any]) -> Callable[[str], str]:
    """Return what gives a tensor its published name, for the model that a config.json describes.

    Raises:
        CheckpointError: when nobody knows the names of this type of model.
    """
    kind = settings.get("model_type")
    if kind in _LLAVA:
        vision = settings.get("vision_config")
        wrapped = isinstance(vision, Mapping) and vision.get("model_type") in _WRAPPED_TOWERS
        return lambda name: _llava(name, wrapped)
    if kind == "qwen2_5_vl":
        return _qwen
    raise CheckpointError(f"Eyeward does not know the published tensor names of models of type {kind!r}.")


def _llava(name: str, wrapped: bool) -> str:
    if name.startswith("lm_head."):
        return f"language_model.{name}"
    if name.startswith("model."):
        name = name.removeprefix("model.")
        if name.startswith("language_model."):
            name = name.replace("language_model.", "language_model.model.", 1)
    if wrapped and name.startswith("vision_tower.") and not name.startswith("vision_tower.vision_model."):
        name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
    return name


def _qwen(name: str) -> str:
    if name.startswith("model.visual."):
        return name.removeprefix("model.")
    return name.replace("model.language_model.", "model.", 1) if name.startswith("model.language_model.") else name


def copy_renamed(source: Path, target: Path, rename: Callable[[str], str]) -> None:
    """Copy a safetensors file under other tensor names; the numbers are copied as they are, a piece at a time.

    Raises:
        CheckpointError: when it is no such file, or two tensors would have one name.
    """
    with source.open("rb") as old, target.open("wb") as new:
        size = int.from_bytes(old.read(_LENGTH_BYTES), "little")
        if size > _MOST_HEADER:
            raise CheckpointError(f"{source} is not a whole safetensors file.")
        try:
            header = json.loads(old.read(size))
        except ValueError as error:
            raise CheckpointError(f"{source} is not a whole safetensors file: {error}.") from error
        facts = {"format": "pt", **header.pop("__metadata__", {})}
        text = json.dumps({"__metadata__": facts, **_renamed(header, rename, source)}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT)
        new.write(len(text).to_bytes(_LENGTH_BYTES, "little"))
        new.write(text)
        shutil.copyfileobj(old, new, _COPIED_AT_ONCE)
        new.flush()
        os.fsync(new.fileno())


def publish_names(folder: Path, settings: Mapping[str, Any]) -> None:
    """Give the tensors of a checkpoint that was just written their published names.

    Raises:
        CheckpointError: when nobody knows the names of this type of model, or a file cannot be read.
    """
    rename = published_name(settings)
    for file in sorted(folder.glob("model*.safetensors")):
        renamed = file.with_suffix(".renamed")
        copy_renamed(file, renamed, rename)
        renamed.replace(file)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        copy_renamed_index(index, index, rename)


def copy_renamed_index(source: Path, target: Path, rename: Callable[[str], str]) -> None:
    """Copy the index of sharded weights under other tensor names.

    Raises:
        CheckpointError: when it cannot be read, or two tensors would have one name.
    """
    try:
        index = json.loads(source.read_text(encoding="utf-8"))
        index["weight_map"] = _renamed(index["weight_map"], rename, source)
    except (ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{source} is not the index of sharded weights: {error}.") from error
    target.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _renamed(entries: Mapping[str, Any], rename: Callable[[str], str], file: Path) -> dict[str, Any]:
    renamed = {rename(name): entry for name, entry in entries.items()}
    if len(renamed) != len(entries):
        raise CheckpointError(f"{file} holds the same tensors under two layouts of names; export it from its source.")
    return renamed
