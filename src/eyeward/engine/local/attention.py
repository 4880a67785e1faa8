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

from eyeward.engine.local import matmul_attention

NAME = "eyeward_shared_prefix"
_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
"""The kernel below `scaled_dot_product_attention` on a CPU; it also gives the log of the summed weights."""


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


class KeysKept(Exception):
    """Ends a forward pass once the last layer's keys and values are kept, where nothing else is wanted of it."""


class Memory:
    """What rows have behind them: a shared prefix, and keys and values of their own, which grow."""

    def __init__(self, prefix: Prefix | None, layers: int) -> None:
        self.prefix = prefix if prefix is not None and prefix.length else None
        self._layers = layers
        self.keys_only = False
        """Whether the pass under way ends with `KeysKept`."""
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
        if self.keys_only and layer == self._layers - 1:
            raise KeysKept
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
    Without a mask the tokens are causal and have nothing behind them but the prefix.
    """
    layer = module.layer_idx
    assert isinstance(layer, int)
    if memory is not None:
        key, value = memory.append(layer, key, value)
    before = None if memory is None or memory.prefix is None else memory.prefix.layers[layer]
    if matmul_attention.pays(query):
        return matmul_attention.attend(query, key, value, mask, before, scaling, causal=mask is None), None
    if before is None:
        out = _attend_to_own(query, key, value, mask, scaling, want_mass=False)[0]
    elif query.device.type == "cpu":
        out = _attend_in_parts(query, key, value, mask, *before, scaling)
    else:
        out = _attend_to_copies(query, key, value, mask, *before, scaling)
    return out.transpose(1, 2), None


def _attend_to_own(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float | None, want_mass: bool
) -> tuple[Tensor, Tensor | None]:
    """Attend to the rows' own keys; `want_mass` asks for the log of the summed weights too, on a CPU."""
    rows, heads, tokens, size = query.shape
    groups = heads // key.shape[1]
    if mask is None:
        key, value = (x.repeat_interleave(groups, dim=1) if groups > 1 else x for x in (key, value))
    elif groups > 1:  # heads that share keys become more queries of one head, so that keys are not repeated
        query = query.reshape(rows, key.shape[1], groups * tokens, size)
        mask = mask.repeat(1, 1, groups, 1)
    if not want_mass:
        out = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None, scale=scale
        )
        return out.reshape(rows, heads, tokens, size), None
    out, mass = _flash(query, key, value, 0.0, mask is None, attn_mask=mask, scale=scale)
    return out.reshape(rows, heads, tokens, size), mass.reshape(rows, heads, tokens)


def _attend_in_parts(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    before_key: Tensor,
    before_value: Tensor,
    scale: float | None,
) -> Tensor:
    """Attend to the own keys row by row and to the prefix with all rows at once, and weigh the two by their share.

    No key of the prefix is copied, and the prefix needs no mask, which is what makes this fast on a CPU.
    """
    rows, heads, tokens, size = query.shape
    key_heads = key.shape[1]
    own, own_mass = _attend_to_own(query, key, value, mask, scale, want_mass=True)
    assert own_mass is not None
    joined = query.reshape(rows, key_heads, -1, size).transpose(0, 1).reshape(1, key_heads, -1, size)
    before, before_mass = _flash(joined, before_key, before_value, 0.0, False, scale=scale)
    before = before.reshape(key_heads, rows, -1, size).transpose(0, 1).reshape(rows, heads, tokens, size)
    before_mass = before_mass.reshape(key_heads, rows, -1).transpose(0, 1).reshape(rows, heads, tokens)
    share = torch.sigmoid(before_mass - own_mass)[..., None].to(own.dtype)
    out: Tensor = torch.lerp(own, before, share)
    return out


def _attend_to_copies(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    before_key: Tensor,
    before_value: Tensor,
    scale: float | None,
) -> Tensor:
    """Attend to the prefix, one copy a row, and to the own keys behind it."""
    key, value = (
        torch.cat((before.expand(len(own), -1, -1, -1), own), dim=2)
        for before, own in ((before_key, key), (before_value, value))
    )
    tokens = query.shape[2]
    if mask is None:
        mask = torch.full((1, 1, tokens, tokens), float("-inf"), dtype=query.dtype, device=query.device).triu_(1)
    mask = functional.pad(mask, (before_key.shape[2], 0))
    return _attend_to_own(query, key, value, mask, scale, want_mass=False)[0]


AttentionInterface.register(NAME, shared_prefix_attention)
