"""Text-to-image: nothing that was generated leaves before it was judged.

The names below are imported when they are first used, so that the gateway needs neither PyTorch nor diffusers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyeward.moderate.pipeline import GuardedPipeline, guarded
    from eyeward.moderate.ruling import Action, Ruling
    from eyeward.moderate.safety_checker import NoFeatures, SafetyChecker
    from eyeward.moderate.showing import Shown, moderated

__all__ = ["Action", "GuardedPipeline", "NoFeatures", "Ruling", "SafetyChecker", "Shown", "guarded", "moderated"]

_HOME = {
    "Action": "ruling",
    "GuardedPipeline": "pipeline",
    "NoFeatures": "safety_checker",
    "Ruling": "ruling",
    "SafetyChecker": "safety_checker",
    "Shown": "showing",
    "guarded": "pipeline",
    "moderated": "showing",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
