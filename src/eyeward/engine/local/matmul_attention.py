"""Attention by plain matrix products: on CPUs that multiply bfloat16 themselves, two to three times as fast as torch's.

torch's fused kernel gets its products from a library that does not use these instructions everywhere; plain products
do. Scores are kept small enough for the cache, in one piece of memory that is used again, because fresh memory is dear.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

NAME = "eyeward_matmul"
SCORE_BYTES = 4 * 2**20
"""Bytes of scores that are held at a time."""
BLOCKED = float("-inf")


def pays(tensor: Tensor) -> bool:
    """Whether this way is the faster one for a tensor; where a CPU has AMX, torch's kernel uses it."""
    return tensor.device.type == "cpu" and tensor.dtype is torch.bfloat16 and not torch.cpu._is_amx_tile_supported()


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    before: tuple[Tensor, Tensor] | None = None,
    scale: float | None = None,
    causal: bool = False,
) -> Tensor:
    """Attend from query [rows, heads, tokens, size] to a prefix that all see and to the rows' own keys; one softmax.

    The result is [rows, tokens, heads, size].

    Own keys and values are [rows, key heads, own tokens, size], those `before` them [1, key heads, tokens, size].
    `mask` is added to the scores of own keys: [rows or 1, 1, tokens, own tokens]. `causal` instead lets each token see
    itself and those before it, of as many own tokens as there are queries.
    """
    rows, heads, tokens, size = query.shape
    key_heads, own = key.shape[1], key.shape[2]
    scale = 1 / math.sqrt(size) if scale is None else scale
    shared = before[0].shape[2] if before is not None else 0
    per_query = heads * (shared + own) * query.element_size()
    rows_at_once = max(1, min(rows, SCORE_BYTES // (tokens * per_query)))
    tokens_at_once = tokens if rows_at_once > 1 else max(16, min(tokens, SCORE_BYTES // per_query))
    scores_memory = query.new_empty(rows_at_once * heads * tokens_at_once * (shared + own))
    keys, values = _Keys(key, before, 0, rows_at_once), _Keys(value, before, 1, rows_at_once)
    out = query.new_empty(rows, tokens, heads, size)
    for first in range(0, rows, rows_at_once):
        asked = query[first : first + rows_at_once]
        count = len(asked)
        asked = asked.reshape(count, key_heads, heads // key_heads, tokens, size)
        answered = out[first : first + count].view(count, tokens, key_heads, -1, size).permute(0, 2, 3, 1, 4)
        own_keys, own_values = keys.of(first, count), values.of(first, count)
        for start in range(0, tokens, tokens_at_once):
            end = min(tokens, start + tokens_at_once)
            last = shared + (end if causal else own)
            part = asked[:, :, :, start:end].reshape(count * key_heads, -1, size)
            scores = scores_memory[: part.shape[0] * part.shape[1] * last].view(*part.shape[:2], last)
            torch.baddbmm(scores, part, own_keys[:, :last].transpose(1, 2), beta=0, alpha=scale, out=scores)
            apart = scores.view(count, key_heads, heads // key_heads, end - start, last)
            if causal:
                apart[..., shared + start :] += _later(end - start, scores)
            elif mask is not None:
                chosen = mask if len(mask) == 1 else mask[first : first + count]
                apart[..., shared:] += chosen[:, :, None, start:end]
            torch.softmax(scores, -1, out=scores)
            product = torch.bmm(scores, own_values[:, :last])
            answered[:, :, :, start:end] = product.view(count, key_heads, -1, end - start, size)
    return out


class _Keys:
    """Keys, or values, of some rows at a time behind those that all share; shared ones are copied once."""

    def __init__(self, own: Tensor, before: tuple[Tensor, Tensor] | None, which: int, rows_at_once: int) -> None:
        self._own = own
        self._memory: Tensor | None = None
        if before is not None:
            shared = before[which]
            self._shared = shared.shape[2]
            self._memory = own.new_empty(rows_at_once, own.shape[1], self._shared + own.shape[2], own.shape[3])
            self._memory[:, :, : self._shared] = shared

    def of(self, first: int, count: int) -> Tensor:
        """Return those of `count` rows, [rows * key heads, tokens, size]; valid until the next call."""
        own = self._own[first : first + count]
        if self._memory is None:
            return own.flatten(0, 1)
        self._memory[:count, :, self._shared :] = own
        return self._memory[:count].flatten(0, 1)


def _later(tokens: int, like: Tensor) -> Tensor:
    return torch.full((tokens, tokens), BLOCKED, dtype=like.dtype).triu_(1)


def _attention_of_all(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **settings: Any
) -> tuple[Tensor, None]:
    """Attend from all tokens to all, as vision towers do, for transformers to call."""
    if attention_mask is not None or settings.get("is_causal") or not pays(query):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
    return attend(query, key, value, scale=settings.get("scaling")), None


AttentionInterface.register(NAME, _attention_of_all)
