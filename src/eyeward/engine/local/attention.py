"""Attention of many suffixes to one prefix, as a function that transformers' decoders call in every layer.

The prefix's keys and values exist once, whatever the number of rows behind it. transformers hands keyword arguments of
a forward pass through to the attention function; `memory` and `mask` come that way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface

NAME = "eyeward_shared_prefix"


@dataclass
class Prefix:
    """Keys and values of text and images that many rows share, one pair a layer: [1, key heads, tokens, size]."""

    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    end: int = 0
    """Position of what follows; less than `length` where the positions of an image are a grid."""

    @property
    def length(self) -> int:
        """Tokens in it."""
        return self.layers[0][0].shape[2] if self.layers else 0


class Memory:
    """What rows have behind them: a shared prefix, and keys and values of their own, which grow."""

    def __init__(self, prefix: Prefix | None) -> None:
        self.prefix = prefix if prefix is not None and prefix.length else None
        self._own: list[tuple[Tensor, Tensor]] = []
        self.length = 0
        """Tokens that each row has of its own, padding included."""

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add new keys and values [rows, key heads, tokens, size] of a layer and return all that the rows may see."""
        if layer >= len(self._own):
            self._own.append((key, value))
        else:
            past_key, past_value = self._own[layer]
            key, value = torch.cat((past_key, key), dim=2), torch.cat((past_value, value), dim=2)
            self._own[layer] = key, value
        if self.prefix is None:
            return key, value
        before_key, before_value = (x.expand(key.shape[0], -1, -1, -1) for x in self.prefix.layers[layer])
        return torch.cat((before_key, key), dim=2), torch.cat((before_value, value), dim=2)

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        self._own = [(key[rows.to(key.device)], value[rows.to(value.device)]) for key, value in self._own]

    def as_prefix(self, end: int) -> Prefix:
        """Return the own part of a single row, which ends before position `end`, as a prefix for others."""
        return Prefix(list(self._own), end)


def shared_prefix_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    memory: Memory | None = None,
    mask: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend from query [rows, heads, tokens, size] to the prefix and to the rows' own keys; one softmax over both.

    `mask` is added to the scores: [rows or 1, 1, tokens, prefix and own tokens]. Without it the rows are causal and
    have nothing behind them.
    """
    if memory is not None:
        layer = module.layer_idx
        assert isinstance(layer, int)
        key, value = memory.append(layer, key, value)
    rows, heads, tokens, size = query.shape
    groups = heads // key.shape[1]
    if mask is None:
        key, value = (x.repeat_interleave(groups, dim=1) if groups > 1 else x for x in (key, value))
        out = functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)
        return out.transpose(1, 2), None
    if groups > 1:  # heads that share keys become more queries of one head, so that keys are not repeated
        query = query.reshape(rows, key.shape[1], groups * tokens, size)
        mask = mask.repeat(1, 1, groups, 1)
    out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    return out.reshape(rows, heads, tokens, size).transpose(1, 2), None


AttentionInterface.register(NAME, shared_prefix_attention)
