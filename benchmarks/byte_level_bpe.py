"""A byte-level BPE learned from some texts, for random checkpoints of benchmarks and tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def byte_level_bpe(
    texts: Iterable[str], special: Sequence[str], end: str, pad: str, size: int, min_frequency: int
) -> PreTrainedTokenizerFast:
    """Train a tokenizer of `size` tokens, `special` ones first; `end` of an answer and `pad` are among these.

    It merges across quotes and colons, as those of published models do.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        show_progress=False,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(
        tokenizer_object=tokenizer,
        eos_token=end,
        pad_token=pad,
        additional_special_tokens=[token for token in special if token not in (end, pad)],
        clean_up_tokenization_spaces=False,
    )
    return wrapped
