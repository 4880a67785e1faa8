"""Bodies of chat requests, and what is left out of them for a server that does not know a field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from eyeward.engine.protocol import ImageSegment, Part, Prompt, TextSegment
from eyeward.engine.remote.connection import Json
from eyeward.engine.remote.constraints import grammar, json_schema, regex
from eyeward.engine.remote.servers import Constraint, Server


@dataclass(frozen=True)
class Dialect:
    """The fields that a server takes."""

    token_limit: str
    constraint: Constraint | None
    alternatives: int
    seed: bool = True
    max_length: bool = True
    """Whether its JSON schemas may hold `maxLength`."""

    @classmethod
    def of(cls, server: Server) -> Dialect:
        """Return what a kind of server is known to take."""
        abilities = server.abilities
        return cls(abilities.token_limit, abilities.constraint, abilities.alternatives)

    def without(self, words: str) -> Dialect | None:
        """Return a dialect without the field that a refusal names; None where it names none that can be spared.

        The form of the answer may go, because every answer is checked; the log-probabilities may not.
        """
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}[self.token_limit]
        if self.max_length and "maxLength" in words:
            return replace(self, max_length=False)
        if self.seed and re.search(r"\bseed\b", words):
            return replace(self, seed=False)
        if re.search(rf"\b{self.token_limit}\b", words):
            return replace(self, token_limit=other)
        limit = re.search(r"\b(?:top_)?logprobs\b\D*(\d+)", words)
        if limit and 0 < int(limit[1]) < self.alternatives:
            return replace(self, alternatives=int(limit[1]))
        fields = {"structured_outputs", "response_format", "grammar", "json_schema", "schema", "regex"}
        if self.constraint is not None and any(re.search(rf"\b{field}\b", words) for field in fields):
            schema = Constraint.json_schema if self.constraint is not Constraint.json_schema else None
            return replace(self, constraint=schema)
        return None


def user_message(prompt: Prompt, images: Sequence[str]) -> Json:
    """Return the prompt as one turn; the server's chat template goes around it."""
    content: list[Json] = []
    for segment in prompt.segments:
        if isinstance(segment, ImageSegment):
            content.append({"type": "image_url", "image_url": {"url": images[segment.index]}})
        elif isinstance(segment, TextSegment) and segment.text:
            content.append({"type": "text", "text": segment.text})
    return {"role": "user", "content": content}


def whole_answer(
    server: Server, dialect: Dialect, message: Json, parts: Sequence[Part], most_tokens: int, seed: int
) -> Json:
    """Return a request for a whole answer of some form, with alternatives at each place."""
    body: Json = {
        "model": server.model,
        "messages": [message],
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": dialect.alternatives,
        dialect.token_limit: most_tokens,
    }
    if dialect.seed:
        body["seed"] = seed
    if dialect.constraint is Constraint.structured_regex:
        body["structured_outputs"] = {"regex": regex(parts)}
    elif dialect.constraint is Constraint.regex:
        body["regex"] = regex(parts)
    elif dialect.constraint is Constraint.grammar:
        body["grammar"] = grammar(parts)
    elif dialect.constraint is Constraint.json_schema:
        schema = {"name": "answer", "strict": True, "schema": json_schema(parts, dialect.max_length)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def continued(server: Server, message: Json, so_far: str, most_tokens: int) -> Json:
    """Return a request that goes on behind the beginning of an answer."""
    return {
        "model": server.model,
        "messages": [message, {"role": "assistant", "content": so_far}],
        "add_generation_prompt": False,
        "continue_final_message": True,
        "temperature": 0,
        "seed": 0,
        "max_tokens": most_tokens,
    }
