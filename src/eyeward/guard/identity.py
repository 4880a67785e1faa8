"""What decides a guard's answers besides its weights: the small files of its checkpoint, and its card."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from eyeward.guard.card import FILE_NAME, EyewardCard

READ_FILES = (
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)
"""What engines and tokenizers read of a checkpoint beside its weights."""
_TOLD_ELSEWHERE = frozenset({"name", "calibration", "threshold", "review_band"})
"""Fields of a card that a guard has as fields of its own, where its owner may change them."""
_FOR_PEOPLE = frozenset(
    {"about", "trained_to_judge", "training_policies", "known_policy", "promise", "probes", "probe_tolerance"}
)
"""Fields of a card that no answer depends on."""


def settings_of(folder: Path | None, card: EyewardCard) -> dict[str, str]:
    """Return the SHA-256 of each file of a checkpoint that is read, by name, and that of its card's own settings.

    The same content gives the same digests wherever it lies. Of the card count the fields that decide answers and are
    not what they are where nothing is said, so that a field which a later Eyeward adds changes nothing.
    """
    files = [] if folder is None else [folder / name for name in READ_FILES]
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}
    said = card.model_dump(mode="json", exclude=set(_TOLD_ELSEWHERE | _FOR_PEOPLE), exclude_defaults=True)
    text = json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return {**found, FILE_NAME: hashlib.sha256(text.encode("ascii")).hexdigest()}
