"""Judges images: profiles of model families, the answer grammar, loading by name."""

from eyeward.guard.card import EyewardCard, Probe, PromptOrder, ScopeSettings, Vocabulary
from eyeward.guard.guard import Guard, Request, Scored
from eyeward.guard.loading import load_guard, packaged_guards
from eyeward.guard.profile import Coverage

__all__ = [
    "Coverage",
    "EyewardCard",
    "Guard",
    "Probe",
    "PromptOrder",
    "Request",
    "ScopeSettings",
    "Scored",
    "Vocabulary",
    "load_guard",
    "packaged_guards",
]
