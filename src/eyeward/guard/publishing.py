"""What a guard's folder must hold before it is published: weights that run no code, its card, its model card."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from eyeward.errors import CheckpointError
from eyeward.guard.card import FILE_NAME, EyewardCard
from eyeward.publish.card import read_card
from eyeward.publish.contents import MODEL_KINDS, content_refusals
from eyeward.publish.hub import RepoKind
from eyeward.publish.leaving import Refusal, files_of
from eyeward.publish.plan import Plan, folder_to_publish

_INDEX = "model.safetensors.index.json"
_SETTINGS = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
"""Files in which a checkpoint can ask for code of its own."""
_CODE_KEY = "auto_map"


def plan_model(folder: Path, repo: str) -> Plan:
    """Look at a guard's folder as if it were to be published in `repo`.

    Raises:
        UsageError: when the folder is none, or `repo` no id of a repository.
    """
    files, refusals = files_of(folder_to_publish(folder))
    names = {file.name for file in files}
    card, missing = read_card(folder, names)
    return Plan(
        folder=folder,
        repo=repo,
        kind=RepoKind.model,
        files=files,
        card=card,
        refusals=(
            *refusals,
            *missing,
            *_weights_missing(folder, names),
            *_card_refused(folder, names),
            *_code_wanted(folder, names),
            *content_refusals(folder, files, MODEL_KINDS),
        ),
        facts=tuple(_facts(folder, names)),
    )


def _weights_missing(folder: Path, names: Collection[str]) -> Iterator[Refusal]:
    if "config.json" not in names:
        yield Refusal("config.json", "is missing; name the folder of a checkpoint.")
    if _INDEX in names:
        index = _read(folder / _INDEX).get("weight_map")
        shards = set(index.values()) if isinstance(index, Mapping) else set()
        if not shards:
            yield Refusal(_INDEX, "names no weights; save them again with `save_pretrained`, as safetensors.")
        for shard in sorted(str(shard) for shard in shards):
            if shard not in names:
                yield Refusal(shard, f"is missing, and {_INDEX} names it; save the weights again.")
    elif "model.safetensors" not in names:
        yield Refusal("model.safetensors", "is missing; save the weights with `save_pretrained`, as safetensors.")


def _card_refused(folder: Path, names: Collection[str]) -> Iterator[Refusal]:
    if FILE_NAME not in names:
        how = "training here writes one, and `eyeward models export` one for a published guard"
        yield Refusal(FILE_NAME, f"is missing: nobody would know how the guard is asked; {how}.")
        return
    try:
        card = EyewardCard.read(folder)
    except CheckpointError as problem:
        yield Refusal(FILE_NAME, f"is not the card of a guard: {problem}")
        return
    for named in (*(probe.image for probe in card.probes), *([card.scope.file] if card.scope else [])):
        if named not in names:
            yield Refusal(named, f"is missing, and {FILE_NAME} names it; copy the whole checkpoint again.")


def _code_wanted(folder: Path, names: Collection[str]) -> Iterator[Refusal]:
    for name in _SETTINGS:
        if name in names and _CODE_KEY in _read(folder / name):
            yield Refusal(name, f"asks for code of its own ({_CODE_KEY}); take the key out.")


def _facts(folder: Path, names: Collection[str]) -> Iterator[str]:
    if FILE_NAME not in names:
        return
    try:
        card = EyewardCard.read(folder)
    except CheckpointError:
        return
    trained = "trained to judge" if card.trained_to_judge else "a base model that has seen no verdict"
    yield f"The guard {card.name!r}: profile {card.profile}, {trained}, {len(card.probes)} probe images."
    if not card.probes:
        yield "Without probe images nobody notices at load that it answers otherwise than it did here."


def _read(file: Path) -> Mapping[str, object]:
    """Return the JSON object in a file, or nothing; that it is none is said where contents are looked into."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
