"""Model families that the local engine runs: one module each, found by the `model_type` of a config.json."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from eyeward.engine.local.families.family import Family, ImageTokens, in_line, reference
from eyeward.errors import CheckpointError

FAMILIES = {
    "llava": "eyeward.engine.local.families.llava:Llava",
    "llava_next": "eyeward.engine.local.families.llava_next:LlavaNext",
    "llava_onevision": "eyeward.engine.local.families.onevision:OneVision",
    "qwen2_5_vl": "eyeward.engine.local.families.qwen25_vl:Qwen25VL",
}
"""By model type: the class that knows the family; loaded when it is wanted."""


def find_family(model_type: object, folder: Path) -> type[Family]:
    """Return the class of the family that a folder's model belongs to.

    Raises:
        CheckpointError: when the engine runs no models of this type.
    """
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise CheckpointError(
            f"{folder} holds a model of type {model_type!r}; the local engine runs {', '.join(sorted(FAMILIES))}. "
            "Serve other models with vLLM and name them as http://host:port/v1#model."
        )
    module, _, attribute = FAMILIES[model_type].partition(":")
    family: type[Family] = getattr(import_module(module), attribute)
    return family


__all__ = ["FAMILIES", "Family", "ImageTokens", "find_family", "in_line", "reference"]
