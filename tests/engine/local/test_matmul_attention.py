"""Attention by plain products equals the textbook's, in whatever pieces it is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from eyeward.engine.local import matmul_attention
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.matmul_attention import attend
from tests.engine.local.tiny import make_checkpoint

ROWS, HEADS, OWN, BEFORE, SIZE = 5, 4, 37, 23, 8


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape)


def textbook(query: Tensor, key: Tensor, value: Tensor, added: Tensor, scale: float) -> Tensor:
    """Attend with one copy of all keys a row; `added` [rows, 1, tokens, keys]."""
    groups = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    weights = torch.softmax(query @ key.transpose(-1, -2) * scale + added, dim=-1)
    return (weights @ value).transpose(1, 2)


@pytest.mark.parametrize("pieces", [1, 20_000, 2**30])
@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("sees", ["all", "causal", "one mask", "masks"])
def test_products_equal_the_textbook(
    pieces: int, key_heads: int, prefix: bool, sees: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matmul_attention, "SCORE_BYTES", pieces)
    torch.manual_seed(1)
    tokens = OWN if sees in ("causal", "all") else 21
    query = drawn(ROWS, HEADS, tokens, SIZE)
    key, value = drawn(ROWS, key_heads, OWN, SIZE), drawn(ROWS, key_heads, OWN, SIZE)
    before = (drawn(1, key_heads, BEFORE, SIZE), drawn(1, key_heads, BEFORE, SIZE)) if prefix else None
    mask = None
    added = torch.zeros(1, 1, tokens, OWN)
    if sees == "causal":
        added = added.masked_fill(torch.ones(tokens, OWN, dtype=torch.bool).triu(1), float("-inf"))
    elif sees != "all":
        hidden = torch.rand(ROWS if sees == "masks" else 1, 1, tokens, OWN) < 0.5
        mask = added = torch.zeros(hidden.shape).masked_fill(hidden & (torch.arange(OWN) > 0), float("-inf"))
    found = attend(query, key, value, mask, before, 0.3, causal=sees == "causal")
    if before is not None:
        key, value = (torch.cat((b.expand(ROWS, -1, -1, -1), x), 2) for b, x in zip(before, (key, value), strict=True))
        added = torch.nn.functional.pad(added, (BEFORE, 0))
    torch.testing.assert_close(found, textbook(query, key, value, added, 0.3), atol=1e-5, rtol=1e-4)


def test_the_scale_is_that_of_the_head_where_none_is_given() -> None:
    query, key, value = (drawn(2, 4, 9, SIZE) for _ in range(3))
    torch.testing.assert_close(attend(query, key, value), attend(query, key, value, scale=SIZE**-0.5))


def test_the_vision_tower_of_a_bfloat16_engine_attends_by_products(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_checkpoint(tmp_path)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    asked: list[bool] = []
    real: Any = attend

    def counted(*arguments: Any, **settings: Any) -> Tensor:
        asked.append(settings.get("causal", False))
        found: Tensor = real(*arguments, **settings)
        return found

    monkeypatch.setattr(matmul_attention, "attend", counted)
    for dtype in (torch.float32, torch.bfloat16):
        checkpoint = load_checkpoint(tmp_path, dtype=dtype)
        LocalEngine(checkpoint)
        pixels = torch.rand(1, 3, 56, 56, dtype=dtype)
        with torch.inference_mode():
            checkpoint.model.model.vision_tower(pixels)
        assert len(asked) == (0 if dtype is torch.float32 else checkpoint.model.config.vision_config.num_hidden_layers)
