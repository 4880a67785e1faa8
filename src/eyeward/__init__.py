"""Eyeward judges images against a written safety policy.

The names below are imported when they are first used, so that `import eyeward` costs milliseconds and pulls in neither
PyTorch nor Pillow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyeward.errors import EyewardError
    from eyeward.guard import Guard, Request, load_guard
    from eyeward.images import Limits
    from eyeward.policy import Category, Policy, Stance
    from eyeward.verdict import NA, Failure, Rating, Status, Verdict

__version__ = "0.1.0"

__all__ = [
    "NA",
    "Category",
    "EyewardError",
    "Failure",
    "Guard",
    "Limits",
    "Policy",
    "Rating",
    "Request",
    "Stance",
    "Status",
    "Verdict",
    "load_guard",
]

_HOME = {
    "NA": "eyeward.verdict",
    "Category": "eyeward.policy",
    "EyewardError": "eyeward.errors",
    "Failure": "eyeward.verdict",
    "Guard": "eyeward.guard",
    "Limits": "eyeward.images",
    "Policy": "eyeward.policy",
    "Rating": "eyeward.verdict",
    "Request": "eyeward.guard",
    "Stance": "eyeward.policy",
    "Status": "eyeward.verdict",
    "Verdict": "eyeward.verdict",
    "load_guard": "eyeward.guard",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
