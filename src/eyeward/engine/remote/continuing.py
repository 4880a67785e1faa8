"""The two kinds of servers that continue an answer: vLLM through its chat route, SGLang through its own route."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eyeward.engine.branches import Named
from eyeward.engine.protocol import ImageSegment, Prompt, TextSegment
from eyeward.engine.remote.chat import continued, user_message
from eyeward.engine.remote.completions import Completion, read_chat, read_generation
from eyeward.engine.remote.connection import Connection, Json, RequestFailed, Unreadable
from eyeward.engine.remote.servers import Server
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.engine.remote.stepwise import Tokens

_QUESTION: Json = {"role": "user", "content": [{"type": "text", "text": "Is it safe?"}]}


@dataclass(frozen=True)
class LocalText:
    """What a checkpoint's folder on this machine says about a model that runs elsewhere."""

    ids: Callable[[str], tuple[int, ...]]
    """Cuts text into tokens, adding nothing."""
    text: Callable[[Sequence[int]], str]
    render: Callable[[Sequence[str | None]], str] | None
    """Puts the chat template around one turn of texts and images (None); None without a template."""


class ServerTokens:
    """The tokenizer behind vLLM's `/tokenize` and `/detokenize`."""

    def __init__(self, connection: Connection, settings: RemoteSettings, server: Server) -> None:
        self._connection = connection
        self._root = settings.root
        self._model = server.model

    async def ids(self, text: str) -> tuple[int, ...]:
        """Cut text without adding anything."""
        return await self._tokenize({"prompt": text, "add_special_tokens": False})

    async def chat_ids(self, messages: Sequence[Json], continues: bool) -> tuple[int, ...]:
        """Cut a conversation, with the chat template around it."""
        return await self._tokenize(
            {
                "messages": list(messages),
                "add_generation_prompt": not continues,
                "continue_final_message": continues,
                "add_special_tokens": False,
            }
        )

    async def text(self, ids: Sequence[int]) -> str:
        """Join tokens."""
        answer = await self._connection.post(f"{self._root}/detokenize", {"model": self._model, "tokens": list(ids)})
        text = answer.get("prompt")
        if not isinstance(text, str):
            raise Unreadable("The server's /detokenize gives no text.")
        return text

    async def _tokenize(self, question: Json) -> tuple[int, ...]:
        answer = await self._connection.post(f"{self._root}/tokenize", {"model": self._model, **question})
        ids = answer.get("tokens")
        if not isinstance(ids, list) or not all(isinstance(number, int) for number in ids):
            raise Unreadable("The server's /tokenize gives no tokens.")
        return tuple(ids)


class ContinuedChat:
    """vLLM: the beginning of the answer is the last message, and `logprob_token_ids` names the labels."""

    def __init__(self, connection: Connection, settings: RemoteSettings, server: Server, by_name: bool) -> None:
        self._connection = connection
        self._url = f"{settings.address}/chat/completions"
        self._server = server
        self.by_name = by_name
        self._cutter = ServerTokens(connection, settings, server)
        self.tokens: Tokens = self._cutter

    @classmethod
    async def find(cls, connection: Connection, settings: RemoteSettings, server: Server) -> ContinuedChat | None:
        """Try whether a server continues messages, and whether it scores tokens by name."""
        found = cls(connection, settings, server, by_name=True)
        try:
            one, two = (await found.tokens.ids("ab"))[:1], (await found.tokens.ids("ba"))[:1]
            asked = tuple({*one, *two})
            named = await found._ask(_QUESTION, "It is", asked)
        except RequestFailed:
            return None
        return cls(connection, settings, server, by_name=set(asked) <= set(named.log_probabilities))

    async def is_faithful(self, so_far: str) -> bool:
        """Compare the tokens of a conversation with those of the prompt and the beginning of the answer."""
        before = await self._cutter.chat_ids([_QUESTION], continues=False)
        both = await self._cutter.chat_ids([_QUESTION, {"role": "assistant", "content": so_far}], continues=True)
        return both == before + await self.tokens.ids(so_far)

    async def named(self, prompt: Prompt, images: Sequence[str], so_far: str, ids: tuple[int, ...]) -> Named:
        """Return the log-probabilities of tokens that may come next."""
        return await self._ask(user_message(prompt, images), so_far, ids)

    async def text(
        self, prompt: Prompt, images: Sequence[str], so_far: str, regex: str, most_tokens: int
    ) -> Completion:
        """Write what comes next."""
        body = continued(self._server, user_message(prompt, images), so_far, most_tokens)
        body["structured_outputs"] = {"regex": regex}
        return read_chat(await self._connection.post(self._url, body))

    async def _ask(self, message: Json, so_far: str, ids: tuple[int, ...]) -> Named:
        body = continued(self._server, message, so_far, 1)
        body |= {"logprobs": True, "return_tokens_as_token_ids": True}
        if self.by_name:
            body["logprob_token_ids"] = list(ids)
        else:
            body["top_logprobs"] = self._server.abilities.alternatives
        completion = read_chat(await self._connection.post(self._url, body))
        if not completion.steps:
            raise Unreadable("The server gives no log-probabilities, so its answers have no probability.")
        first = completion.steps[0].alternatives
        named = {other.id: other.log_probability for other in first if other.id is not None}
        missing = set(ids) - set(named)
        unseen = max(0.0, 1.0 - math.fsum(math.exp(log) for log in named.values())) if missing else 0.0
        return Named({number: named[number] for number in ids if number in named}, unseen, completion.tokens)


class _FolderTokens:
    def __init__(self, local: LocalText) -> None:
        self._local = local

    async def ids(self, text: str) -> tuple[int, ...]:
        return self._local.ids(text)

    async def text(self, ids: Sequence[int]) -> str:
        return self._local.text(ids)


class NativeGeneration:
    """SGLang: the prompt is rendered here, and `token_ids_logprob` names the labels."""

    by_name = True

    def __init__(self, connection: Connection, settings: RemoteSettings, local: LocalText) -> None:
        assert local.render is not None
        self._connection = connection
        self._url = f"{settings.root}/generate"
        self._render = local.render
        self.tokens: Tokens = _FolderTokens(local)

    @classmethod
    async def find(
        cls, connection: Connection, settings: RemoteSettings, local: LocalText | None
    ) -> NativeGeneration | None:
        """Try whether a server scores tokens by name; that takes the model's own chat template and tokenizer here."""
        if local is None or local.render is None:
            return None
        found = cls(connection, settings, local)
        try:
            await found._ask(found._render(["Is it safe?"]) + "It", (), local.ids("is")[:1], None, 1)
        except RequestFailed:
            return None
        return found

    async def is_faithful(self, so_far: str) -> bool:
        """The text is sent as it is."""
        return True

    async def named(self, prompt: Prompt, images: Sequence[str], so_far: str, ids: tuple[int, ...]) -> Named:
        """Return the log-probabilities of tokens that may come next."""
        completion, named = await self._ask(self._text(prompt) + so_far, _placed(prompt, images), ids, None, 1)
        return Named(named, 0.0, completion.tokens)

    async def text(
        self, prompt: Prompt, images: Sequence[str], so_far: str, regex: str, most_tokens: int
    ) -> Completion:
        """Write what comes next."""
        text = self._text(prompt) + so_far
        completion, _ = await self._ask(text, _placed(prompt, images), (), regex, most_tokens)
        return completion

    def _text(self, prompt: Prompt) -> str:
        return self._render([s.text if isinstance(s, TextSegment) else None for s in prompt.segments])

    async def _ask(
        self, text: str, images: Sequence[str], ids: tuple[int, ...], regex: str | None, most_tokens: int
    ) -> tuple[Completion, dict[int, float]]:
        sampling: Json = {"temperature": 0, "max_new_tokens": most_tokens}
        if regex is not None:
            sampling["regex"] = regex
        body: Json = {"text": text, "sampling_params": sampling}
        if images:
            body["image_data"] = list(images)
        if ids:
            body |= {"return_logprob": True, "logprob_start_len": -1, "token_ids_logprob": list(ids)}
        completion, named = read_generation(await self._connection.post(self._url, body), ids)
        return completion, {number: named[number] for number in ids}


def _placed(prompt: Prompt, images: Sequence[str]) -> list[str]:
    """Return the images in the order in which they stand in the prompt."""
    return [images[segment.index] for segment in prompt.segments if isinstance(segment, ImageSegment)]
