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
_MOST_SCORES = 64_000_000
"""Attention scores held at once; more are computed in slices of rows."""


@dataclass
class Prefix:
    """Keys and values of text and images that many rows share, one pair a layer: [1, key heads, tokens, size]."""

    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)

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
        """Add new keys and values [rows, key heads, tokens, size] of a layer and return all of the rows' own."""
        if layer >= len(self._own):
            self._own.append((key, value))
            return key, value
        past_key, past_value = self._own[layer]
        both = torch.cat((past_key, key), dim=2), torch.cat((past_value, value), dim=2)
        self._own[layer] = both
        return both

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        self._own = [(key[rows], value[rows]) for key, value in self._own]

    def as_prefix(self) -> Prefix:
        """Return the own part of a single row as a prefix for others."""
        return Prefix(list(self._own))


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

    `mask` is added to the scores on the own part: [rows or 1, tokens, own tokens]. Without it the rows are causal and
    have nothing behind them.
    """
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    own_key, own_value = (key, value) if memory is None else memory.append(int(module.layer_idx), key, value)  # type: ignore[arg-type]
    if mask is None:
        out = functional.scaled_dot_product_attention(
            query, own_key, own_value, is_causal=True, scale=scale, enable_gqa=query.shape[1] != own_key.shape[1]
        )
        return out.transpose(1, 2), None
    prefix = None if memory is None or memory.prefix is None else memory.prefix.layers[int(module.layer_idx)]  # type: ignore[arg-type]
    rows, heads, tokens, _size = query.shape
    behind = own_key.shape[2] + (0 if prefix is None else prefix[0].shape[2])
    at_once = max(1, _MOST_SCORES // (heads * tokens * behind))
    outs = [
        _attend(
            query[start : start + at_once] * scale,
            own_key[start : start + at_once],
            own_value[start : start + at_once],
            mask if mask.shape[0] == 1 else mask[start : start + at_once],
            prefix,
        )
        for start in range(0, rows, at_once)
    ]
    return outs[0] if len(outs) == 1 else torch.cat(outs), None


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, prefix: tuple[Tensor, Tensor] | None) -> Tensor:
    rows, heads, tokens, size = query.shape
    key_heads = key.shape[1]
    groups = heads // key_heads
    query = query.reshape(rows, key_heads, groups * tokens, size)
    own = (query @ key.mT).unflatten(2, (groups, tokens)) + mask[:, None, None]
    own = own.flatten(2, 3)
    if prefix is None:
        out = own.softmax(-1, dtype=torch.float32).to(value.dtype) @ value
        return out.unflatten(2, (groups, tokens)).flatten(1, 2).transpose(1, 2)
    before_key, before_value = prefix[0][0], prefix[1][0]
    length = before_key.shape[1]
    together = query.transpose(0, 1).reshape(key_heads, rows * groups * tokens, size)
    before = (together @ before_key.mT).view(key_heads, rows, groups * tokens, length).transpose(0, 1)
    weights = torch.cat((before, own), dim=-1).softmax(-1, dtype=torch.float32).to(value.dtype)
    to_prefix = weights[..., :length].transpose(0, 1).reshape(key_heads, rows * groups * tokens, length) @ before_value
    out = to_prefix.view(key_heads, rows, groups * tokens, size).transpose(0, 1) + weights[..., length:] @ value
    return out.unflatten(2, (groups, tokens)).flatten(1, 2).transpose(1, 2)


AttentionInterface.register(NAME, shared_prefix_attention)
