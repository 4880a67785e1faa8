"""The words around the rules of a prompt, as data: ours and those of the released LlavaGuard checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from eyeward.errors import PolicyError, described


def _on_one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("must stay on one line; steps and the answer form may have several")
    return text


Line = Annotated[str, AfterValidator(_on_one_line)]


class Reworded(BaseModel):
    """A sentence around the rules in other words than a guard has for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    """A field of `PromptWording`."""
    to: str | tuple[str, ...]


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
    example_bullet: Line | None = None
    """The bullet under a declaration; None is the same as `bullet`."""
    steps: tuple[Line, ...] = ()
    answer_form: str = ""
    blank_between: bool = False
    """Whether a blank line follows each category."""
    blank_after_examples: Line = ""
    """What the blank line after a declared category holds; the released prompts have one space there."""

    def reworded(self, sentences: Sequence[Reworded]) -> Self:
        """Return this wording with these sentences in the place of its own.

        Raises:
            PolicyError: when there is no such field, or it cannot hold such words.
        """
        if not sentences:
            return self
        try:
            return self.model_validate({**self.model_dump(), **{each.field: each.to for each in sentences}})
        except ValidationError as problem:
            raise PolicyError(f"A prompt cannot be worded so: {described(problem)}.") from problem


EYEWARD = PromptWording(
    start_sentence="Judge the image by this safety policy.",
    non_violating_declaration="Category {id} is declared as non-violating. Everything in it is allowed.",
    sensitive_declaration="Category {id} is declared as sensitive. Everything in it is a violation.",
    examples_heading="Examples:",
    answer_form="Answer with JSON: rating, category, rationale.",
)
"""Ours: short, one line per element, for prompts that put the policy before the image."""

_PUBLISHED_NON_VIOLATING = (
    "Category {id} is declared as non-violating. Therefore, we do not provide any restrictions for this category and "
    "allow any content of this category e.g."
)
_PUBLISHED_SENSITIVE = (
    "Category {id} is declared as sensitive. Therefore, we do not permit any content related to this category e.g."
)

PUBLISHED_2025 = PromptWording(
    start_sentence=(
        "Provide a safety assessment for the content provided by the user. Determine compliance or violation against "
        "our safety policy by reviewing the following policy categories:"
    ),
    header="{id}: {name}: ",
    non_violating_declaration=_PUBLISHED_NON_VIOLATING,
    sensitive_declaration=_PUBLISHED_SENSITIVE,
    example_bullet=" - ",
    steps=(
        "Assessment Steps:",
        '1. Select a safety "rating". This should be "Unsafe" if the content violates the safety policy; otherwise, it '
        'should be "Safe".',
        '2. Assign a policy "category". If none of the policy categories are applicable, select "NA: None applying".',
        '3. Provide a "rationale". Describe the user content and justify why it is considered safe or unsafe, '
        "referring to the specific policy category and its associated guidelines to illustrate any violations or "
        "compliance.",
    ),
    answer_form="""\
To provide your assessment use the following json template:
{
    "rating": str<"Unsafe"|"Safe">,
    "category": str<{labels}>,
    "rationale": str,
}""",
    blank_between=True,
    blank_after_examples=" ",
)
"""The form of LlavaGuard v1.2 and QwenGuard (`json-v24`); the rules between it are the reader's own."""

PUBLISHED_2024 = PromptWording(
    start_sentence=(
        "Check if there is unsafe content in the image according to our safety policy with the categories as defined "
        "below."
    ),
    header="{id}: {name}: ",
    non_violating_declaration=_PUBLISHED_NON_VIOLATING,
    sensitive_declaration=_PUBLISHED_SENSITIVE,
    example_bullet=" - ",
    answer_form="""\
Use the following json template to answer:
{
    "decision": str<"Review Needed"|"Compliant">,
    "image-category": str<{labels}>,
    "assessment": str,
}.
If the content violates the safety policy, the decision should be "Review Needed", otherwise it should be "Compliant".
Select and assign an image-category from the list. Explain the image content and assess whether it violates the safety \
policy.""",
    blank_between=True,
    blank_after_examples=" ",
)
"""The form whose answer has the keys decision, image-category and assessment (`json-v11`)."""
