"""What goes in and out of the routes, as records."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eyeward.verdict import PolicyRef, Verdict

LEAST_SECONDS = 0.1
"""Nothing can be judged in less, so less is not asked for."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Open(BaseModel):
    """Takes keys that it does not know: the schema is somebody else's and grows."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ImageIn(_Closed):
    """One image: its bytes in base64, or an address."""

    base64: str | None = None
    url: str | None = Field(default=None, description="`data:image/png;base64,…`, or an address that may be fetched.")
    name: str | None = Field(default=None, description="What the verdict calls the image.")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.base64 is None) == (self.url is None):
            raise ValueError("an image is either base64 or url; give one of them")
        return self


class AssessBody(_Closed):
    """What is to be judged."""

    images: tuple[ImageIn, ...] = Field(min_length=1)
    policies: tuple[str | dict[str, Any], ...] = Field(
        default=(), description="Names, `name@version`, or whole policies as objects or YAML; none: the key's own."
    )
    explain: bool = Field(default=False, description="Write rationales, too.")
    deadline_seconds: float | None = Field(default=None, ge=LEAST_SECONDS)


class AssessAnswer(_Closed):
    """Verdicts of each image under each policy: all policies of the first image, then those of the second."""

    request_id: str
    flagged: bool = Field(description="True unless every verdict is Safe.")
    verdicts: tuple[Verdict, ...]


class TextPart(_Open):
    """Text, which is not judged here."""

    type: Literal["text"]
    text: str


class ImageAddress(_Open):
    """Where an image is."""

    url: str


class ImagePart(_Open):
    """An image."""

    type: Literal["image_url"]
    image_url: ImageAddress


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class ModerationBody(_Open):
    """As OpenAI's clients send it; `policy` is ours."""

    input: str | tuple[str, ...] | tuple[Part, ...]
    model: str | None = None
    policy: str | None = Field(default=None, description="A policy by name; none: the key's own.")


class ModerationResult(_Closed):
    """One result, over all images of the request."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]
    eyeward: dict[str, list[Verdict]]


class ModerationAnswer(_Closed):
    """As OpenAI's clients read it."""

    id: str
    model: str
    results: tuple[ModerationResult, ...]


class GuardrailBody(_Open):
    """As LiteLLM sends it. Texts and tools are not looked at."""

    images: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    additional_provider_specific_params: dict[str, Any] | None = None


class GuardrailAnswer(_Closed):
    """As LiteLLM reads it: NONE lets the call go on."""

    action: Literal["BLOCKED", "NONE"]
    blocked_reason: str | None = None


class PolicyOut(_Closed):
    """A policy, and what the guard makes of it."""

    policy: PolicyRef
    versions: tuple[int, ...]
    categories: tuple[str, ...]
    not_covered: tuple[str, ...] = Field(description="Ids of categories that the guard cannot judge in full.")
    yaml: str | None = Field(default=None, description="The whole policy; left out of lists.")
    created: bool | None = None
    findings: tuple[str, ...] = ()


class PolicyList(_Closed):
    """All policies that a key may use."""

    default: str
    policies: tuple[PolicyOut, ...]


class ModelOut(_Closed):
    """A guard, as OpenAI's clients list models."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "eyeward"
    revision: str | None
    engine: str
    threshold: float | None
    review_band: tuple[float, float] | None
    trained_to_judge: bool


class ModelList(_Closed):
    """All guards here: one."""

    object: Literal["list"] = "list"
    data: tuple[ModelOut, ...]


class Problem(_Closed):
    """What went wrong, as OpenAI's clients read it."""

    message: str
    type: str
    param: None = None
    code: str
    findings: tuple[str, ...] | None = None


class ErrorAnswer(_Closed):
    """An answer without a verdict. It is never to be read as Safe."""

    error: Problem
    request_id: str


BODIES: tuple[type[BaseModel], ...] = (AssessBody, ModerationBody, GuardrailBody)
"""Records that come in: named in the page of the API by hand, because routes read bodies themselves."""
