"""A ComfyUI node that judges images before they are saved or shown.

Put this folder into ComfyUI's `custom_nodes`, install Eyeward into ComfyUI's Python (`pip install 'eyeward[local]'`),
and put the node between the decoder and every node that saves or shows images. A preview that hangs on the decoder
itself goes past it, and so do previews while sampling: start ComfyUI with `--preview-method none`.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import eyeward
from eyeward.moderate import moderated


@lru_cache(maxsize=2)
def _guard(name: str) -> eyeward.Guard:
    return eyeward.load_guard(name)


class EyewardGuard:
    """Images in; images that may be shown, the verdicts as JSON, and whether all were Safe, out."""

    CATEGORY = "image/safety"
    FUNCTION = "judge"
    RETURN_TYPES = ("IMAGE", "STRING", "BOOLEAN")
    RETURN_NAMES = ("images", "verdicts", "all_safe")
    OUTPUT_TOOLTIPS = ("What may be shown.", "One verdict an image, as JSON.", "Whether every image is Safe.")
    DESCRIPTION = "Judges images against a written policy. What is not Safe, or could not be judged, is hidden."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Say what the node takes."""
        return {
            "required": {
                "images": ("IMAGE",),
                "guard": ("STRING", {"default": "mini", "tooltip": "A guard that ships, a folder, or a Hub id."}),
                "policy": ("STRING", {"default": "default", "tooltip": "A pack, or a YAML file."}),
                "on_unsafe": (["blank", "blur", "raise", "report"], {"default": "blank"}),
                "on_review": (["as on_unsafe", "blank", "blur", "raise", "report"], {"default": "as on_unsafe"}),
            }
        }

    def judge(
        self, images: Any, guard: str, policy: str, on_unsafe: str, on_review: str = "as on_unsafe"
    ) -> tuple[Any, str, bool]:
        """Judge a tensor [images, height, width, channels] with levels from 0 to 1."""
        import torch

        found = moderated(
            images.detach().cpu().float().numpy(),
            _guard(guard),
            policy,
            on_unsafe,
            None if on_review == "as on_unsafe" else on_review,
        )
        verdicts = [verdict.model_dump(mode="json") for verdict in found.verdicts]
        return torch.from_numpy(found.images).to(images), json.dumps(verdicts), not any(found.flagged)


NODE_CLASS_MAPPINGS = {"EyewardGuard": EyewardGuard}
NODE_DISPLAY_NAME_MAPPINGS = {"EyewardGuard": "Eyeward: judge images"}
