"""Linear layers whose weights lie as the CPU's matrix product wants them, with the activation behind them in one step.

torch rearranges the weights of a bfloat16 layer in every call, and rounds and reads a wide result again before its
activation. Doing the first once and the second within the product changes nothing but that last rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import GELUActivation, GELUTanh, SiLUActivation

TOKENS = 1024
"""Rows that the arrangement is made for; it is as good for fewer and for more."""
FOLLOWED_BY = (("fc1", "activation_fn"), ("gate_proj", "act_fn"), ("linear_1", "act"))
"""Names of a layer and of the activation that its result goes to, of vision towers, decoders and projectors."""


class PackedLinear(nn.Module):
    """A linear layer for inference on a CPU, in place of another; its weights have no other copy."""

    def __init__(self, linear: nn.Linear, activation: tuple[str, str] = ("none", "")) -> None:
        """Take a layer's weights, and the name and the kind of what its result goes through."""
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), TOKENS)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._activation, self._algorithm = activation

    def forward(self, given: Tensor) -> Tensor:
        """Map [..., in features] to [..., out features]."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(
            given, self._weight, self._bias, self._activation, [], self._algorithm
        )
        return out


def pack(model: nn.Module) -> None:
    """Replace the linear layers within a model, for good; those of bfloat16, on a CPU that multiplies it itself."""
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return
    for module in list(model.modules()):
        for layer, activation in FOLLOWED_BY:
            fused = _fused(getattr(module, activation, None))
            if fused is not None and _packs(getattr(module, layer, None)):
                setattr(module, layer, PackedLinear(getattr(module, layer), fused))
                setattr(module, activation, nn.Identity())
        for name, child in list(module.named_children()):
            if _packs(child):
                setattr(module, name, PackedLinear(child))  # type: ignore[arg-type]


def _packs(layer: Any) -> bool:
    return type(layer) is nn.Linear and layer.weight.dtype is torch.bfloat16 and layer.weight.device.type == "cpu"


def _fused(activation: Any) -> tuple[str, str] | None:
    """Return how the product calls an activation, if it has it."""
    if isinstance(activation, nn.SiLU | SiLUActivation):
        return "swish", ""
    if isinstance(activation, GELUTanh):
        return "gelu", "tanh"
    if isinstance(activation, nn.GELU):
        return "gelu", activation.approximate
    return ("gelu", "none") if isinstance(activation, GELUActivation) else None
