"""Asks a server: one asynchronous client behind a synchronous engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyeward.engine.protocol import Capabilities, Prompt, RawAnswer
from eyeward.engine.remote.connection import RequestFailed
from eyeward.engine.remote.constraints import is_object
from eyeward.engine.remote.continuing import ContinuedChat, LocalText, NativeGeneration
from eyeward.engine.remote.detection import detect
from eyeward.engine.remote.negotiating import ChatRequests
from eyeward.engine.remote.plain import PlainAnswers
from eyeward.engine.remote.servers import Scoring, Server
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.engine.remote.stepwise import Continuation, StepwiseAnswers, Unfaithful
from eyeward.engine.remote.under_way import UnderWay
from eyeward.engine.remote.whole import WholeAnswers
from eyeward.errors import UsageError

_IMAGES_PER_PROMPT = 8


class RemoteEngine:
    """One model on one server. Many prompts are under way at once; answers come in order, each exactly once."""

    def __init__(self, settings: RemoteSettings, local: LocalText | None = None) -> None:
        """Connect, and find out what the server can do.

        Raises:
            UsageError: when no server answers, the key is not known, or it is not clear which model is meant.
        """
        self._settings = settings
        self._under_way = UnderWay(settings)
        try:
            self._under_way.run(self._connect(local))
        except RequestFailed as error:
            self.close()
            raise UsageError(str(error)) from None
        except BaseException:
            self.close()
            raise

    async def _connect(self, local: LocalText | None) -> None:
        connection = self._under_way.connection
        self.server: Server = await detect(connection, self._settings)
        scoring = self.server.abilities.scoring
        found: Continuation | None = None
        if scoring is Scoring.continued_chat:
            found = await ContinuedChat.find(connection, self._settings, self.server)
        elif scoring is Scoring.native:
            found = await NativeGeneration.find(connection, self._settings, local)
        self._steps = None if found is None else StepwiseAnswers(found)
        way = self.scoring if found is None or found.by_name else f"{self.scoring}, likeliest tokens"
        self._served = f"{self.server.model} ({way})"
        requests = ChatRequests(connection, self._settings, self.server)
        self._whole = WholeAnswers(requests)
        self._plain = PlainAnswers(requests)

    @property
    def scoring(self) -> Scoring:
        """Where the probabilities come from, as far as the form of the answer allows."""
        return Scoring.alternatives if self._steps is None else self.server.abilities.scoring

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do with its model."""
        return Capabilities(
            label_scores=self._steps is not None,
            constrained_text=False,
            shared_prefix=self.server.abilities.shared_prefix,
            images_per_prompt=_IMAGES_PER_PROMPT,
            context_length=self.server.context_length,
            prompts_at_once=self._under_way.prompts_at_once,
            served=self._served,
        )

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order; what goes wrong is in the answer.

        A few prompts are read ahead of the answers. Closing the iterator stops what is under way.
        """
        return self._under_way.answers(prompts, self._ask)

    def close(self) -> None:
        """Close all connections; the engine cannot be used afterwards."""
        self._under_way.close()

    async def _ask(self, prompt: Prompt, sent: Sequence[str]) -> RawAnswer:
        if not is_object(prompt.form.parts):
            return await self._plain.answer(prompt, sent)
        if self._steps is not None:
            try:
                return await self._steps.answer(prompt, sent)
            except Unfaithful:
                pass
        return await self._whole.answer(prompt, sent)
