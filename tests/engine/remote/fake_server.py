"""A server on the loopback that speaks the schemas of several engines, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from eyeward.engine.remote.servers import ServerKind
from eyeward.policy import Policy
from tests.engine.remote.fake_model import FakeModel, FakeTokens, brightness_of, decoded, pieces

Json = dict[str, Any]
LABELS = {
    **{label.partition(":")[0]: label for label in Policy.load("default").labels},
    "NA": "NA: None applying",
}


class Trouble(StrEnum):
    """What may go wrong with one request."""

    too_many = "too_many"
    later = "later"
    """429 with Retry-After."""
    much_later = "much_later"
    unavailable = "unavailable"
    stall = "stall"
    truncated = "truncated"
    reset = "reset"
    broken_json = "broken_json"
    white_space = "white_space"
    no_logprobs = "no_logprobs"
    other_logprobs = "other_logprobs"
    not_a_number = "not_a_number"
    endless = "endless"
    slow = "slow"
    bad_request = "bad_request"
    wrong_label = "wrong_label"
    empty_choices = "empty_choices"


@dataclass
class FakeServer:
    """Answers on a thread of its own. Use it as a context manager."""

    kind: ServerKind = ServerKind.vllm
    model: FakeModel = field(default_factory=FakeModel)
    trouble: Callable[[str, int], Trouble | None] = lambda image, times: None
    """Says what goes wrong, by picture and by how often that picture came before."""
    unknown_fields: tuple[str, ...] = ()
    """Fields that are refused with status 400, by name."""
    scores_by_name: bool = True
    alternatives: int = 20
    broken_template: bool = False
    """Whether the chat template writes something else before an answer that is to be continued."""
    keep_requests: bool = True
    key: str | None = None
    port: int = 0
    requests: list[tuple[str, Json]] = field(default_factory=list)
    connections: int = 0
    under_way: int = 0
    most_under_way: int = 0
    abandoned: int = 0
    """Requests whose client went away before the answer."""

    def __enter__(self) -> Self:
        """Start."""
        self._tokens = FakeTokens()
        self._times: Counter[str] = Counter()
        self._brightness: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def address(self) -> str:
        """What a client calls this server."""
        return f"http://127.0.0.1:{self.port}/v1#guard"

    def bodies(self, path: str) -> list[Json]:
        """Return what was sent to a route."""
        return [body for route, body in self.requests if route == path]

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main(started))
        self._loop.close()

    async def _main(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        clients: set[asyncio.Task[None]] = set()

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            clients.add(task)
            try:
                await self._client(reader, writer)
            finally:
                clients.discard(task)

        server = await asyncio.start_server(client, "127.0.0.1", self.port, limit=2**22)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        for task in list(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                headers = dict(re.findall(r"(?m)^([\w-]+): *(.*?)\r?$", head.decode("latin-1").lower()))
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                answering = asyncio.ensure_future(self._answer(method, path, headers, body, writer))
                gone = asyncio.ensure_future(_closed(reader))
                try:
                    await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
                    if not answering.done():
                        self.abandoned += 1
                        return
                    if not answering.result():
                        return
                finally:
                    self.under_way -= 1
                    answering.cancel()
                    gone.cancel()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; whether the connection can be used again."""
        content: Json = json.loads(body) if body else {}
        if self.keep_requests:
            self.requests.append((path, content))
        if self.key is not None and headers.get("authorization") != f"bearer {self.key}":
            return await _send(writer, 401, {"error": {"message": "wrong key"}})
        found = self._facts(path) if method == "GET" else None
        if method == "GET":
            return await _send(writer, 200 if found else 404, found or {"detail": "Not Found"})
        image = _image(content)
        trouble = None
        if image is not None:
            self._times[image] += 1
            trouble = self.trouble(image, self._times[image] - 1)
        match trouble:
            case Trouble.too_many:
                return await _send(writer, 429, {"error": {"message": "slow down"}})
            case Trouble.later:
                return await _send(writer, 429, {"error": "slow down"}, {"Retry-After": "0.2"})
            case Trouble.much_later:
                return await _send(writer, 429, {"error": "slow down"}, {"Retry-After": "86400"})
            case Trouble.unavailable:
                return await _send(writer, 503, None)
            case Trouble.bad_request:
                return await _send(
                    writer, 400, {"error": {"message": f"The image cannot be decoded; {headers.get('authorization')}"}}
                )
            case Trouble.stall:
                await asyncio.sleep(3600)
            case Trouble.slow:
                await asyncio.sleep(0.2)
            case Trouble.reset:
                writer.transport.abort()
                return False
            case Trouble.broken_json:
                return await _send_bytes(writer, 200, b'{"choices": [{"message": ', {})
            case Trouble.endless:
                return await _send_bytes(writer, 200, b" " * 5_000_000, {})
            case Trouble.empty_choices:
                return await _send(writer, 200, {"choices": []})
            case Trouble.truncated:
                text = json.dumps(self._route(path, content)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text[: len(text) // 2])
                await writer.drain()
                return False
        refused = [name for name in self.unknown_fields if name in json.dumps(content)]
        if refused:
            return await _send(writer, 400, {"error": {"message": f"Unrecognized request argument: {refused[0]}"}})
        answer = self._route(path, content)
        if answer is None:
            return await _send(writer, 404, {"detail": "Not Found"})
        return await _send(writer, 200, _spoiled(answer, trouble))

    def _facts(self, path: str) -> Json | None:
        owner = {ServerKind.openai: "somebody", ServerKind.llamacpp: "llamacpp"}.get(self.kind, self.kind.value)
        facts: dict[str, Json] = {"/v1/models": {"data": [{"id": "guard", "owned_by": owner, "max_model_len": 4096}]}}
        if self.kind is ServerKind.vllm:
            facts["/version"] = {"version": "0.32.0"}
        elif self.kind is ServerKind.sglang:
            facts["/get_server_info"] = {"model_path": "guard", "version": "0.5.9", "context_length": 4096}
        elif self.kind is ServerKind.llamacpp:
            facts["/props"] = {"default_generation_settings": {"n_ctx": 4096}, "build_info": "b9000"}
        return facts.get(path)

    def _route(self, path: str, body: Json) -> Json | None:
        if path == "/v1/chat/completions":
            return self._chat(body)
        if path == "/tokenize" and self.kind is ServerKind.vllm:
            return {"tokens": self._tokens.ids(body.get("prompt") or self._rendered(body))}
        if path == "/detokenize" and self.kind is ServerKind.vllm:
            return {"prompt": self._tokens.text(body["tokens"])}
        if path == "/generate" and self.kind is ServerKind.sglang:
            return self._generate(body)
        return None

    def _rendered(self, body: Json) -> str:
        turns = [f"{message['role']}: {message['content']!r}" for message in body["messages"]]
        if body.get("continue_final_message"):
            space = " " if self.broken_template else ""
            return "\n".join(turns[:-1]) + f"\nassistant: {space}{body['messages'][-1]['content']}"
        return "\n".join(turns) + "\nassistant: "

    def _chat(self, body: Json) -> Json:
        last = body["messages"][-1]
        continues = self.kind is ServerKind.vllm and body.get("continue_final_message")
        so_far = last["content"] if continues else ""
        most = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
        text, steps = self._write(_image(body), so_far, most, _allowed(body))
        ids = bool(body.get("return_tokens_as_token_ids"))
        asked = body.get("logprob_token_ids") if self.scores_by_name else None
        content = [self._entry(token, masses, body, asked, ids) for token, masses in steps]
        return {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "length" if len(steps) >= most else "stop",
                    "logprobs": {"content": content} if body.get("logprobs") else None,
                }
            ],
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": len(steps),
                "prompt_tokens_details": {"cached_tokens": 64},
            },
        }

    def _entry(self, token: str, masses: Mapping[str, float], body: Json, asked: Any, as_ids: bool) -> Json:
        def one(piece: str, p: float) -> Json:
            name = f"token_id:{self._tokens.id(piece)}" if as_ids else piece
            return {"token": name, "logprob": math.log(p) if p else -9999.0, "bytes": list(piece.encode())}

        if asked is not None:
            listed = [
                one(self._tokens.text([number]), masses.get(self._tokens.text([number]), 0.0)) for number in asked
            ]
        else:
            count = min(self.alternatives, int(body.get("top_logprobs") or 0))
            listed = [one(piece, p) for piece, p in sorted(masses.items(), key=lambda item: -item[1])[:count]]
        return {**one(token, masses.get(token, 0.0)), "top_logprobs": listed}

    def _generate(self, body: Json) -> Json:
        so_far = body["text"].rpartition("assistant\n")[2]
        sampling = body["sampling_params"]
        most = int(sampling["max_new_tokens"])
        images = body.get("image_data") or [None]
        pattern = {"regex": sampling["regex"]} if "regex" in sampling else {}
        text, steps = self._write(images[0], so_far, most, _allowed(pattern))
        facts: Json = {
            "prompt_tokens": 100,
            "cached_tokens": 64,
            "completion_tokens": len(steps),
            "finish_reason": {"type": "length" if len(steps) >= most else "stop"},
        }
        if body.get("return_logprob"):
            masses = steps[0][1] if steps else {}
            facts["output_token_ids_logprobs"] = [
                [
                    [math.log(max(masses.get(self._tokens.text([number]), 0.0), 1e-300)), number, None]
                    for number in body["token_ids_logprob"]
                ]
            ]
        return {"text": text, "meta_info": facts}

    def _write(
        self, image: str | None, so_far: str, most: int, allowed: Callable[[str, str], bool]
    ) -> tuple[str, list[tuple[str, dict[str, float]]]]:
        if image is None:
            return "X", [("X", {"X": 1.0})]
        if image not in self._brightness:
            self._brightness[image] = brightness_of(decoded(image))
            if len(self._brightness) > 1000:
                self._brightness.pop(next(iter(self._brightness)))
        p_unsafe = self._brightness[image]
        answers = {
            **self.model.answers(p_unsafe, LABELS, explain=True),
            **{text: 1e-9 * p for text, p in self.model.answers(p_unsafe, LABELS, explain=False).items()},
        }
        text = so_far
        steps: list[tuple[str, dict[str, float]]] = []
        legal = {answer for answer in answers if answer.startswith(so_far) and allowed(answer, so_far)}
        while len(steps) < most:
            masses, token = self.model.next_tokens(answers, text, legal.__contains__)
            if token is None:
                break
            steps.append((token, masses))
            text += token
        return text[len(so_far) :], steps


def _allowed(body: Json) -> Callable[[str, str], bool]:
    """Return whether the constraint of a request allows an answer behind what stands already."""
    structured = body.get("structured_outputs") or {}
    pattern = structured.get("regex") or body.get("regex")
    if "grammar" in body:
        pattern = _as_regex(body["grammar"])
    if pattern is not None:
        compiled = re.compile(pattern)
        return lambda answer, so_far: compiled.fullmatch(answer[len(so_far) :]) is not None
    if "response_format" in body:
        schema = body["response_format"]["json_schema"]["schema"]
        return lambda answer, so_far: _fits(json.loads(answer), schema)
    return lambda answer, so_far: True


def _fits(value: Json, schema: Json) -> bool:
    return list(value) == schema["required"] and all(
        value[key] in facts.get("enum", [value[key]]) for key, facts in schema["properties"].items()
    )


def _as_regex(grammar: str) -> str:
    """Translate the small part of GBNF that Eyeward writes."""
    rule = grammar.split("root ::= ")[1].split("\n")[0]
    parts = re.findall(r'"(?:[^"\\]|\\.)*"|character\{1,\d+\}|[()|]', rule)
    return "".join(
        re.escape(json.loads(part)) if part[0] == '"' else part.replace("character", '[^"]') for part in parts
    )


def _image(body: Json) -> str | None:
    for message in body.get("messages", []):
        for part in message["content"] if isinstance(message["content"], list) else []:
            if part["type"] == "image_url":
                return str(part["image_url"]["url"])
    images = body.get("image_data") or [None]
    first: str | None = images[0]
    return first


def _spoiled(answer: Json, trouble: Trouble | None) -> Json:
    if "choices" not in answer or trouble is None:
        return answer
    choice = answer["choices"][0]
    match trouble:
        case Trouble.white_space:
            choice["message"]["content"] = '{"rating": ' + " " * 400
            choice["finish_reason"] = "length"
        case Trouble.no_logprobs:
            choice["logprobs"] = None
        case Trouble.other_logprobs:
            for entry in choice["logprobs"]["content"]:
                entry["token"], entry["bytes"] = "?", [63]
                entry["top_logprobs"] = []
        case Trouble.not_a_number:
            for entry in choice["logprobs"]["content"]:
                entry["logprob"] = math.nan
        case Trouble.wrong_label:
            choice["message"]["content"] = '{"rating": "Probably Safe", "category": "NA: None applying"}'
            choice["logprobs"] = {
                "content": [{"token": p, "logprob": 0.0} for p in pieces(choice["message"]["content"])]
            }
    return answer


async def _closed(reader: asyncio.StreamReader) -> None:
    """Wait until the client closes its side. Clients here send nothing before they have their answer."""
    while not reader.at_eof():
        await asyncio.sleep(0.02)


async def _send(
    writer: asyncio.StreamWriter, status: int, content: Json | None, headers: Mapping[str, str] | None = None
) -> bool:
    return await _send_bytes(writer, status, b"" if content is None else json.dumps(content).encode(), headers or {})


async def _send_bytes(writer: asyncio.StreamWriter, status: int, content: bytes, headers: Mapping[str, str]) -> bool:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{lines}\r\n".encode() + content)
    await writer.drain()
    return True
