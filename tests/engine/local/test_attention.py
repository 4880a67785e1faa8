"""Attention to a shared prefix equals attention to copies of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from eyeward.engine.local.attention import Memory, Prefix, _attend_to_copies, shared_prefix_attention

ROWS, TOKENS, BEFORE, SIZE = 3, 7, 19, 8
LAYER: Any = SimpleNamespace(layer_idx=0)


def draw(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, dtype=dtype)


def mask_of(rows: int) -> Tensor:
    hidden = torch.ones(rows, 1, TOKENS, TOKENS, dtype=torch.bool).triu(1)
    hidden[-1, :, 5:, 2] = True
    return torch.zeros(hidden.shape).masked_fill_(hidden, float("-inf"))


@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("masks", [1, ROWS])
@pytest.mark.parametrize(("dtype", "gap"), [(torch.float32, 1e-5), (torch.bfloat16, 8e-2)])
def test_parts_weighed_by_their_share_equal_one_softmax_over_copies(
    key_heads: int, masks: int, dtype: torch.dtype, gap: float
) -> None:
    torch.manual_seed(3)
    query = draw(ROWS, 4, TOKENS, SIZE, dtype=dtype)
    key, value = (draw(ROWS, key_heads, TOKENS, SIZE, dtype=dtype) for _ in range(2))
    before_key, before_value = (draw(1, key_heads, BEFORE, SIZE, dtype=dtype) * 3 for _ in range(2))
    mask = mask_of(masks).to(dtype)
    memory = Memory(Prefix([(before_key, before_value)], BEFORE), 1)
    found, _ = shared_prefix_attention(LAYER, query, key, value, None, 0.4, memory=memory, mask=mask)
    groups = 4 // key_heads
    copies = (x.repeat_interleave(groups, dim=1) for x in (key, value, before_key, before_value))
    key, value, before_key, before_value = copies
    wanted = _attend_to_copies(query, key, value, mask, before_key, before_value, 0.4)
    torch.testing.assert_close(found, wanted.transpose(1, 2), atol=gap, rtol=gap)


def test_a_second_call_sees_what_the_first_one_left() -> None:
    torch.manual_seed(4)
    query, key, value = (draw(ROWS, 2, TOKENS, SIZE) for _ in range(3))
    prefix = Prefix([(draw(1, 2, BEFORE, SIZE), draw(1, 2, BEFORE, SIZE))], BEFORE)
    causal = torch.zeros(1, 1, TOKENS, TOKENS).masked_fill_(
        torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1), float("-inf")
    )
    whole, _ = shared_prefix_attention(LAYER, query, key, value, None, memory=Memory(prefix, 1), mask=causal)
    memory = Memory(prefix, 1)
    parts = [
        shared_prefix_attention(
            LAYER,
            query[:, :, cut],
            key[:, :, cut],
            value[:, :, cut],
            None,
            memory=memory,
            mask=causal[:, :, cut, : cut.stop],
        )[0]
        for cut in (slice(0, 4), slice(4, TOKENS))
    ]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
