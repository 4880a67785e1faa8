"""Packed layers give what the layers they stand for gave, and nothing is packed where that does not pay."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers.activations import ACT2FN

from eyeward.engine.local.checkpoint import has_bfloat16, load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.packed_linear import PackedLinear, pack
from tests.engine.local.families.checkpoints import MAKERS as OTHER_MAKERS
from tests.engine.local.tiny import make_checkpoint

MAKERS = {"llava_onevision": make_checkpoint} | OTHER_MAKERS

fast = pytest.mark.skipif(not has_bfloat16(), reason="this processor does not multiply bfloat16 itself")


def kinds(model: nn.Module) -> Counter[type]:
    """Count the modules of each kind."""
    return Counter(type(module) for module in model.modules())


class Mlp(nn.Module):
    """The middle of a vision tower's layer."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 96), nn.Linear(96, 64, bias=False)
        self.activation_fn = ACT2FN[activation]

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc2(self.activation_fn(self.fc1(given)))
        return out


@fast
@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize("activation", ["gelu", "gelu_pytorch_tanh", "silu", "quick_gelu", "relu"])
def test_packed_layers_equal_those_they_replace_but_for_the_last_rounding(activation: str, rows: int) -> None:
    torch.manual_seed(3)
    plain = Mlp(activation).bfloat16().eval().requires_grad_(False)
    packed = copy.deepcopy(plain)
    pack(packed)
    given = torch.randn(2, rows, 64).bfloat16() * 3
    with torch.inference_mode():
        torch.testing.assert_close(
            packed.fc2(given.repeat(1, 1, 2)[..., :96]), plain.fc2(given.repeat(1, 1, 2)[..., :96])
        )
        exact = plain.float()(given.float())
        torch.testing.assert_close(packed(given).float(), exact, atol=0.02, rtol=0.02)
    assert kinds(packed)[PackedLinear] == 2
    assert kinds(packed)[nn.Identity] == (activation in ("gelu", "gelu_pytorch_tanh", "silu"))


@fast
@pytest.mark.parametrize("family", sorted(MAKERS))
def test_an_engine_packs_all_layers_of_bfloat16_models_but_the_head(family: str, tmp_path: Path) -> None:
    MAKERS[family](tmp_path)
    checkpoint = load_checkpoint(tmp_path, dtype=torch.bfloat16)
    given: Any = torch.arange(9)[None]
    with torch.inference_mode():
        before = checkpoint.model.model.language_model(given).last_hidden_state
        found = kinds(checkpoint.model)
        LocalEngine(checkpoint)
        after = checkpoint.model.model.language_model(given).last_hidden_state
    assert kinds(checkpoint.model)[nn.Linear] == 1, "the head is read by rows"
    assert kinds(checkpoint.model)[PackedLinear] == found[nn.Linear] - 1 > 10
    torch.testing.assert_close(after, before, atol=0.05, rtol=0.05)
    LocalEngine(checkpoint)
    assert kinds(checkpoint.model)[PackedLinear] == found[nn.Linear] - 1, "a second engine finds it done"


@pytest.mark.parametrize("family", sorted(MAKERS))
def test_float32_models_stay_as_they_are(family: str, tmp_path: Path) -> None:
    MAKERS[family](tmp_path)
    checkpoint = load_checkpoint(tmp_path, dtype=torch.float32)
    found = kinds(checkpoint.model)
    LocalEngine(checkpoint)
    assert kinds(checkpoint.model) == found


def test_processors_without_bfloat16_pack_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    plain = Mlp("gelu").bfloat16()
    pack(plain)
    assert kinds(plain)[nn.Linear] == 2
