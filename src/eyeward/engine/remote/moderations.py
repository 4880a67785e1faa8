"""Asks a moderation service: OpenAI's `/moderations` and those that answer alike.

The service takes an image and no policy, and gives a score to each category of its own. It says as well which of them
it looked for in the image: a score for any other is worth nothing, and is never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyeward.engine.protocol import Capabilities, Prompt, RawAnswer
from eyeward.engine.remote.connection import Json, Unreadable
from eyeward.engine.remote.repeating import twice
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.engine.remote.under_way import UnderWay
from eyeward.engine.scored_labels import answer_of
from eyeward.errors import described


class _Result(BaseModel):
    """What stands in `results`; keys that other services add do not matter."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    flagged: bool
    categories: Mapping[str, bool | None]
    category_scores: Mapping[str, float | None]
    category_applied_input_types: Mapping[str, tuple[str, ...] | None]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    results: tuple[_Result, ...] = Field(min_length=1, max_length=1)


class ModerationsEngine:
    """One moderation service. Whatever the form asks for and the service did not look for is an error."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._settings = settings
        self._under_way = UnderWay(settings)

    @property
    def capabilities(self) -> Capabilities:
        """It writes nothing and reads no prompt."""
        return Capabilities(
            label_scores=True,
            constrained_text=True,
            shared_prefix=False,
            images_per_prompt=1,
            context_length=0,
            prompts_at_once=self._under_way.prompts_at_once,
            served=self._settings.model,
        )

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order; what goes wrong is in the answer."""
        return self._under_way.answers(prompts, self._ask)

    def close(self) -> None:
        """Close all connections; the engine cannot be used afterwards."""
        self._under_way.close()

    async def _ask(self, prompt: Prompt, sent: Sequence[str]) -> RawAnswer:
        (image,) = sent
        asked = tuple(slot.name for slot in prompt.form.label_slots)
        body: Json = {"model": self._settings.model, "input": [{"type": "image_url", "image_url": {"url": image}}]}

        async def once(times: int) -> RawAnswer:
            answer = await self._under_way.connection.post(f"{self._settings.address}/moderations", body)
            return read_moderation(answer, asked)

        return await twice(once)


def read_moderation(answer: Json, asked: Sequence[str]) -> RawAnswer:
    """Read a response for one image.

    Raises:
        Unreadable: when it is none, when a category that was asked for was not looked for in the image, or when the
            service flags the image for a category that nobody asked for.
    """
    try:
        (result,) = _Answer.model_validate(answer).results
    except ValidationError as error:
        raise Unreadable(f"The response of the moderation service is none: {described(error)}.") from None
    looked = {label for label, kinds in result.category_applied_input_types.items() if kinds and "image" in kinds}
    scores = {label: score for label, score in result.category_scores.items() if score is not None}
    blind = [label for label in asked if label not in looked or label not in scores]
    if blind:
        raise Unreadable(
            f"The moderation service did not look for {', '.join(blind)} in the image; name a model that reads images, "
            "such as omni-moderation-latest."
        )
    found = [label for label, flagged in result.categories.items() if flagged]
    strange = [label for label in found if label not in asked]
    if strange or (result.flagged and not found):
        raise Unreadable(
            f"The moderation service flags the image for {', '.join(strange) or 'no category'}, which nobody asked "
            "for; its categories are not those of the crosswalk."
        )
    try:
        decided = {label: flagged for label, flagged in result.categories.items() if flagged is not None}
        return answer_of({label: scores[label] for label in asked}, decided)
    except ValueError as error:
        raise Unreadable(f"The response of the moderation service is none: {error}.") from None
