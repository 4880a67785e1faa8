"""The words around the rules of a prompt, as data: ours and those of the released LlavaGuard checkpoints."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _on_one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("must stay on one line; steps and the answer form may have several")
    return text


Line = Annotated[str, AfterValidator(_on_one_line)]


class PromptWording(BaseModel):
    """Templates of a prompt. An empty one leaves its line out.

    `{id}` and `{name}` stand for the category in `header` and the declarations; `{labels}` in `answer_form` stands for
    the quoted labels of all categories and `NA: None applying`, joined by `|`. Other braces are kept as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_sentence: Line
    header: Line = "{id}: {name}"
    non_violating_declaration: Line
    sensitive_declaration: Line
    examples_under_declaration: bool = True
    """Whether the rules of a category with a stance follow its declaration, as one list."""
    examples_heading: Line = ""
    should_not_heading: Line = "Should not:"
    can_heading: Line = "Can:"
    bullet: Line = "- "
    steps: tuple[Line, ...] = ()
    answer_form: str = ""
    blank_between: bool = False
    """Whether a blank line follows each category."""


EYEWARD = PromptWording(
    start_sentence="Judge the image by this safety policy.",
    non_violating_declaration="Category {id} is declared as non-violating. Everything in it is allowed.",
    sensitive_declaration="Category {id} is declared as sensitive. Everything in it is a violation.",
    examples_heading="Examples:",
    answer_form="Answer with JSON: rating, category, rationale.",
)
"""Ours: short, one line per element, for prompts that put the policy before the image."""
