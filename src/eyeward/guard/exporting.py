"""A guard as a folder that a server reads, and the lines that start the server and ask it."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import uuid
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eyeward.errors import CheckpointError, UsageError
from eyeward.guard.card import EyewardCard
from eyeward.guard.loading import packaged_guards
from eyeward.guard.tensor_names import copy_renamed, copy_renamed_index, published_name

SERVE_FILE = "SERVE.md"
"""Says how the folder is served and asked."""

_COPIED = ("*.json", "*.txt", "*.model", "*.jinja", "README.md", "LICENSE*", "NOTICE*")
_MADE_HERE = ("eyeward.json", "chat_template.json", "chat_template.jinja", "*.safetensors.index.json", SERVE_FILE)
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_ROOM_FOR_TEXT = 4096
"""Tokens that policy and answer may take beside the image; packs of full length take a third of it."""
_SIDES = ((8192, 8192), (8192, 4096), (4096, 8192), (8192, 1024), (1024, 8192), (448, 448))
"""Heights and widths among which the one with most image tokens stands for the largest image."""


class Target(StrEnum):
    """Servers that a guard can be exported for."""

    vllm = "vllm"
    sglang = "sglang"


_PORTS = {Target.vllm: 8000, Target.sglang: 30000}


@dataclass(frozen=True)
class Exported:
    """A folder for a server, with the lines that it wants."""

    folder: Path
    serve: str
    """Starts the server, in a shell."""
    ask: str
    """Judges images through it, in a shell; empty for a guard that only Python may ask behind a server."""
    python: str
    """Loads the guard behind it, in Python."""
    remarks: tuple[str, ...]
    """Sentences on what differs from the guard in this process."""


def export_guard(name: str | PathLike[str], folder: Path, target: Target) -> Exported:
    """Write a guard (one that ships, a folder, a Hub id) as a folder for a server.

    It is written beside its place and moved there when it is complete.

    Raises:
        UsageError: when the folder exists and is not empty.
        CheckpointError: when the guard cannot be read, or a server could not run it as it should.
        MissingExtra: when PyTorch or transformers are not installed.
    """
    from eyeward.engine.local.checkpoint import find_folder, read_chat_template, weight_files
    from eyeward.engine.local.preparation import read_json

    place = folder.expanduser().absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError(f"{folder} exists and is not empty; name a folder that is new.")
    source, _ = find_folder(packaged_guards().get(str(name)) or name)
    settings = read_json(source / "config.json")
    card = EyewardCard.read(source, None if Path(name).expanduser().is_dir() else str(name))
    template = read_chat_template(source)
    if template is None:
        raise CheckpointError(
            f"{source} has no chat template, and a server would make one up; copy chat_template.jinja or "
            "chat_template.json from the page of the checkpoint."
        )
    rename = published_name(settings)
    exported = _lines(card, place, target, settings, _longest(source, settings))
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
    unfinished.mkdir()
    try:
        for file in weight_files(source):
            copy_renamed(file, unfinished / file.name, rename)
        index = source / "model.safetensors.index.json"
        if index.is_file():
            copy_renamed_index(index, unfinished / index.name, rename)
        _copy_the_rest(source, unfinished, card)
        (unfinished / "chat_template.jinja").write_text(template, encoding="utf-8")
        (unfinished / SERVE_FILE).write_text(_page(card, exported, target), encoding="utf-8")
        if place.exists():
            place.rmdir()
        unfinished.rename(place)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return exported


def copy_settings(source: Path, target: Path, without: tuple[str, ...] = ()) -> None:
    """Copy what stands in a checkpoint beside weights and card, but for names that fit one of the patterns `without`.

    A chat template is not copied.
    """
    for file in sorted(source.iterdir()):
        wanted = any(fnmatch(file.name, pattern) for pattern in _COPIED)
        if file.is_file() and wanted and not any(fnmatch(file.name, pattern) for pattern in (*_MADE_HERE, *without)):
            shutil.copyfile(file, target / file.name)


def _copy_the_rest(source: Path, target: Path, card: EyewardCard) -> None:
    """Copy configuration, tokenizer, image settings, and the files that the card names.

    Servers take every `.safetensors` beside the weights for some of them, so the scope check moves into a folder.
    """
    copy_settings(source, target)
    for probe in card.probes:
        _copy(source / probe.image, target / probe.image)
    if card.scope is not None:
        inside = card.scope.file if len(Path(card.scope.file).parts) > 1 else f"scope/{card.scope.file}"
        _copy(source / card.scope.file, target / inside)
        card = card.model_copy(update={"scope": card.scope.model_copy(update={"file": inside})})
    card.write(target)


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise CheckpointError(f"{source} is missing, and the guard's card names it; copy the whole checkpoint again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _longest(source: Path, settings: dict[str, Any]) -> int:
    """Return how many tokens a server needs to read: the largest image, the policy and the answer."""
    from eyeward.engine.local.families import find_family
    from eyeward.engine.local.resizing import Resizing

    family = find_family(settings.get("model_type"), source).read(source, Resizing.pillow)
    image = max(family.token_count(height, width) for height, width in _SIDES)
    text = settings.get("text_config")
    longest = (text if isinstance(text, dict) else settings).get("max_position_embeddings")
    wanted = 1024 * math.ceil((image + _ROOM_FOR_TEXT) / 1024)
    return min(wanted, longest) if isinstance(longest, int) else wanted


def _lines(card: EyewardCard, place: Path, target: Target, settings: dict[str, Any], longest: int) -> Exported:
    served = _NOT_IN_A_NAME.sub("-", card.name.split("/")[-1]).strip("-") or "guard"
    address = f"http://127.0.0.1:{_PORTS[target]}/v1"
    if target is Target.vllm:
        media = {"image": 1} if settings.get("model_type") in ("llava", "llava_next") else {"image": 1, "video": 0}
        serve = [
            *("vllm", "serve", str(place), "--served-model-name", served, str(place)),
            *("--host", "127.0.0.1", "--port", str(_PORTS[target]), "--max-model-len", str(longest)),
            *("--limit-mm-per-prompt", json.dumps(media, separators=(",", ":"))),
            *("--generation-config", "vllm", "--enable-prompt-tokens-details"),
        ]
    else:
        serve = [
            *("python", "-m", "sglang.launch_server", "--model-path", str(place), "--served-model-name", served),
            *("--host", "127.0.0.1", "--port", str(_PORTS[target]), "--context-length", str(longest)),
            *("--sampling-defaults", "openai", "--enable-cache-report"),
        ]
    remarks: list[str] = []
    by_folder = f"{address}#{quote(str(place))}" if target is Target.vllm else ""
    check = ""
    if card.scope is not None:
        by_folder, check = "", ', self_check="warn"'
        remarks.append(
            "This guard has a scope check, which servers cannot compute: behind a server it judges images unlike its "
            "training, too. Only Python may accept that, with self_check='warn'."
        )
    return Exported(
        folder=place,
        serve=shlex.join(serve),
        ask=f"eyeward assess photos/ --model {shlex.quote(by_folder)}" if by_folder else "",
        python=f'eyeward.load_guard({str(place)!r}, engine="{address}#{served}"{check})',
        remarks=tuple(remarks),
    )


def _page(card: EyewardCard, exported: Exported, target: Target) -> str:
    asked = f"```\n{exported.ask}\n```\n" if exported.ask else ""
    return (
        f"# {card.name} for {target.value}\n\nWritten by `eyeward models export`. Start the server:\n\n"
        f"```\n{exported.serve}\n```\n\nAsk it through Eyeward, where this folder lies on the same machine (its card "
        f"says how the model is asked):\n\n{asked}```python\n{exported.python}\n```\n"
        + "".join(f"\n{remark}\n" for remark in exported.remarks)
    )
