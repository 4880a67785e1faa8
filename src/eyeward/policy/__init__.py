"""What is allowed: categories with rules and stances, and the text that a guard reads."""

from eyeward.policy.render import LineRole, RenderedLine, RenderedPolicy, render
from eyeward.policy.schema import Category, Policy, Stance
from eyeward.policy.wording import EYEWARD, PUBLISHED_2024, PUBLISHED_2025, PromptWording, Reworded

__all__ = [
    "EYEWARD",
    "PUBLISHED_2024",
    "PUBLISHED_2025",
    "Category",
    "LineRole",
    "Policy",
    "PromptWording",
    "RenderedLine",
    "RenderedPolicy",
    "Reworded",
    "Stance",
    "render",
]
