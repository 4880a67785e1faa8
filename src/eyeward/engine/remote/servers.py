"""What each kind of server can do, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ServerKind(StrEnum):
    """Servers that can be told apart; everything else is asked in the plain subset of OpenAI's protocol."""

    vllm = "vllm"
    sglang = "sglang"
    lmdeploy = "lmdeploy"
    llamacpp = "llamacpp"
    openai = "openai"


class Constraint(StrEnum):
    """How a server is told the form of an answer."""

    structured_regex = "structured_regex"
    """`structured_outputs.regex`"""
    regex = "regex"
    """`regex`"""
    grammar = "grammar"
    """`grammar`, in GBNF"""
    json_schema = "json_schema"
    """`response_format`, with white space where the server likes it"""


class Scoring(StrEnum):
    """Where the probabilities of labels come from."""

    continued_chat = "continued_chat"
    """The answer so far is the last message, to be continued by one token; the label tokens are named."""
    native = "native"
    """The rendered prompt and the answer so far, to SGLang's `/generate`; the label tokens are named."""
    alternatives = "alternatives"
    """One whole answer, and the likeliest other tokens at each place in it."""


@dataclass(frozen=True)
class Abilities:
    """What a kind of server does once it is recognised; what needs a probe of its own says so."""

    scoring: Scoring
    """The best that it may have; it is used where a probe finds it, else `alternatives`."""
    constraint: Constraint
    alternatives: int
    """Most other tokens that it names at a place."""
    shared_prefix: bool
    """It keeps what prompts begin with, unless it was started otherwise."""
    token_limit: str
    """The field that limits the answer."""


ABILITIES = {
    ServerKind.vllm: Abilities(Scoring.continued_chat, Constraint.structured_regex, 20, True, "max_tokens"),
    ServerKind.sglang: Abilities(Scoring.native, Constraint.regex, 20, True, "max_tokens"),
    ServerKind.lmdeploy: Abilities(Scoring.alternatives, Constraint.json_schema, 20, False, "max_tokens"),
    ServerKind.llamacpp: Abilities(Scoring.alternatives, Constraint.grammar, 20, True, "max_tokens"),
    ServerKind.openai: Abilities(Scoring.alternatives, Constraint.json_schema, 20, False, "max_completion_tokens"),
}
"""vLLM 0.32, SGLang, LMDeploy and llama.cpp of 2026, and OpenAI's published schema."""


@dataclass(frozen=True)
class Server:
    """One server, as it was found."""

    kind: ServerKind
    model: str
    """What it calls the model."""
    version: str | None = None
    context_length: int = 0
    """Tokens that the model reads; 0 where the server does not say."""

    @property
    def abilities(self) -> Abilities:
        """What its kind can do."""
        return ABILITIES[self.kind]
