"""Count the tokens of a prompt as one checkpoint does, to tell whether it fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from eyeward.errors import CheckpointError, MissingExtra

if TYPE_CHECKING:
    from eyeward.policy.lint import TokenCounter


def token_counter(checkpoint: Path) -> tuple[TokenCounter, int]:
    """Return the token counter and the context length, in tokens, of a checkpoint folder in Hugging Face form.

    Raises:
        CheckpointError: when `tokenizer.json` or the context length is missing.
        MissingExtra: when the package `tokenizers` is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("local", "Counting tokens") from None
    try:
        tokenizer = Tokenizer.from_str((checkpoint / "tokenizer.json").read_text(encoding="utf-8"))
        config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except Exception as problem:  # tokenizers raises plain Exception for a file that it cannot read
        message = f"{str(checkpoint)!r} is no checkpoint folder with tokenizer.json and config.json: {problem}."
        raise CheckpointError(message) from None
    length = config.get("text_config", config).get("max_position_embeddings")
    if not isinstance(length, int):
        raise CheckpointError(f"{str(checkpoint / 'config.json')!r} does not say max_position_embeddings.")
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), length
