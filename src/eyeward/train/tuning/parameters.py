"""Which parameters of a model learn. Names are transformers', which are alike in all families but for the tower's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from eyeward.train.tuning.recipe import Method, Recipe

if TYPE_CHECKING:
    from peft import LoraConfig

TOWERS = ("model.vision_tower.", "model.visual.")
PROJECTORS = ("model.multi_modal_projector.", "model.visual.merger.")
LORA_LAYERS = r".*\.language_model\..*\.(q|k|v|o|gate|up|down)_proj"
"""Linear layers of the language model alone; towers have layers of the same names."""


def part_of(name: str) -> str:
    """Return what a parameter belongs to: `vision`, `projector` or `language`, the newline of images included."""
    if name.startswith(PROJECTORS):
        return "projector"
    return "vision" if name.startswith(TOWERS) else "language"


def choose(model: Any, recipe: Recipe) -> None:
    """Let those parameters learn that the recipe says, and freeze all others; LoRA adds its own later."""
    learning = {"language"} if recipe.method is Method.full else set()
    learning |= {"vision"} if recipe.train_vision else set()
    learning |= {"projector"} if recipe.train_projector else set()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in learning)


def lora_settings(recipe: Recipe) -> LoraConfig | None:
    """Return what PEFT adds, None where the method adds nothing."""
    if recipe.method is not Method.lora:
        return None
    from peft import LoraConfig

    size = recipe.lora
    return LoraConfig(
        r=size.rank,
        lora_alpha=size.alpha,
        lora_dropout=size.dropout,
        target_modules=LORA_LAYERS,
        task_type="CAUSAL_LM",
    )


def count(parameters: Iterable[tuple[str, Any]]) -> dict[str, int]:
    """Count the numbers of each part."""
    found: dict[str, int] = {}
    for name, parameter in parameters:
        found[part_of(name)] = found.get(part_of(name), 0) + parameter.numel()
    return found


def lora_count(model: Any, rank: int) -> int:
    """Count what LoRA would add."""
    import re

    pattern = re.compile(LORA_LAYERS)
    layers = [module for name, module in model.named_modules() if pattern.fullmatch(name)]
    return sum(rank * (layer.in_features + layer.out_features) for layer in layers)
