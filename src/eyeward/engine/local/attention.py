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
        """Add new keys and values [rows, key heads, tokens, size] of a layer and return all of the rows' own."""
        if layer >= len(self._own):
            self._own.append((key, value))
        else:
            past_key, past_value = self._own[layer]
            key, value = torch.cat((past_key, key), dim=2), torch.cat((past_value, value), dim=2)
            self._own[layer] = key, value
        return key, value

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

    `mask` is added to the scores of their own tokens: [rows or 1, 1, tokens, own tokens]; all see the whole prefix.
    Without a mask the rows are causal and have nothing behind them.
    """
    layer = module.layer_idx
    assert isinstance(layer, int)
    if memory is not None:
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
    if memory is None or memory.prefix is None:
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    else:
        attend = _attend_in_parts if query.device.type == "cpu" else _attend_to_copies
        out = attend(query, key, value, mask, *memory.prefix.layers[layer], scaling)
    return out.reshape(rows, heads, tokens, size).transpose(1, 2), None


def _attend_in_parts(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    before_key: Tensor,
    before_value: Tensor,
    scale: float | None,
) -> Tensor:
    """Attend to the own keys row by row and to the prefix with all rows at once, and weigh the two by their share.

    No key of the prefix is copied, and the prefix needs no mask, which is what makes this fast on a CPU.
    """
    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    rows, heads, tokens, size = query.shape
    own, own_mass = flash(query, key, value, 0.0, False, attn_mask=mask, scale=scale)
    joined = query.transpose(0, 1).reshape(1, heads, rows * tokens, size)
    before, before_mass = flash(joined, before_key, before_value, 0.0, False, scale=scale)
    before = before.reshape(heads, rows, tokens, size).transpose(0, 1)
    before_mass = before_mass.reshape(heads, rows, tokens).transpose(0, 1)
    share = torch.sigmoid(before_mass - own_mass)[..., None].to(own.dtype)
    out: Tensor = torch.lerp(own, before, share)
    return out


def _attend_to_copies(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    before_key: Tensor,
    before_value: Tensor,
    scale: float | None,
) -> Tensor:
    """Attend to the prefix, one copy a row, and to the own keys behind it."""
    key, value = (
        torch.cat((before.expand(len(own), -1, -1, -1), own), dim=2)
        for before, own in ((before_key, key), (before_value, value))
    )
    mask = functional.pad(mask, (before_key.shape[2], 0))
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)


AttentionInterface.register(NAME, shared_prefix_attention)
