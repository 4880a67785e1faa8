"""Text that is sent for moderation goes to another service, which speaks the same schema; a guard reads images only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from eyeward.engine.remote.connection import Connection, Json, RequestFailed
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.serve.loading import within
from eyeward.serve.moderation_scores import Scores
from eyeward.serve.refusals import Refused

KEY_VARIABLE = "EYEWARD_TEXT_API_KEY"
"""The environment variable with the key of the other service; it is sent nowhere else."""


class TextsDown(Refused):
    """The service that judges texts does not, or says something that makes no sense."""

    status, kind = 503, "text_moderator_unavailable"

    def __init__(self) -> None:
        self.retry_after = 1
        super().__init__("The service that judges texts gave no answer that can be read; nothing was judged.")


class _Result(BaseModel):
    """What stands in `results`; keys that other services add do not matter."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    flagged: bool
    categories: dict[str, bool | None]
    category_scores: dict[str, float | None]
    category_applied_input_types: dict[str, list[str] | None] | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    results: tuple[_Result, ...]


class TextModerator:
    """Asks for a judgement of texts. Whatever goes wrong with it is raised: text is never taken for harmless."""

    def __init__(self, address: str, seconds: float) -> None:
        """Take an address such as `https://host/v1#model`, and the seconds that one answer may take.

        Raises:
            UsageError: when it is none.
        """
        key = os.environ.get(KEY_VARIABLE)
        self._seconds = seconds
        settings = within(RemoteSettings.parse(address), seconds)
        self._settings = settings.model_copy(update={"key": SecretStr(key) if key else None})
        self._connection: Connection | None = None

    async def each(self, texts: Sequence[str]) -> list[Scores]:
        """Return what is said of each text.

        Raises:
            TextsDown: when not every text has an answer.
        """
        if self._connection is None:  # it belongs to the event loop
            self._connection = Connection(self._settings)
        body: dict[str, object] = {"input": list(texts)}
        if self._settings.model:
            body["model"] = self._settings.model
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._connection.post(f"{self._settings.address}/moderations", body)
        except (RequestFailed, TimeoutError):
            raise TextsDown from None
        return _read(answer, len(texts))

    async def close(self) -> None:
        """Close all connections."""
        if self._connection is not None:
            await self._connection.close()


def _read(answer: Json, count: int) -> list[Scores]:
    try:
        results = _Answer.model_validate(answer).results
    except ValidationError:
        raise TextsDown from None
    if len(results) != count:
        raise TextsDown
    return [_scores(result) for result in results]


def _scores(result: _Result) -> Scores:
    categories = {key: bool(found) for key, found in result.categories.items() if found is not None}
    looked = result.category_applied_input_types
    return Scores(
        flagged=result.flagged or any(categories.values()),
        categories=categories,
        category_scores={key: score for key, score in result.category_scores.items() if score is not None},
        applied={key: ["text"] if looked is None or "text" in (looked.get(key) or ()) else [] for key in categories},
    )
