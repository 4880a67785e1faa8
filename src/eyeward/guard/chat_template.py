"""A checkpoint's own chat template: where it hands over to the model, and where answers stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from eyeward.errors import CheckpointError
from eyeward.guard.llavaguard import Message

_ANSWER_MARK = "{answer}"


class Templated(Protocol):
    """The parts of a checkpoint that say how text is put to it."""

    @property
    def folder(self) -> Path:
        """Where they lie."""
        ...

    @property
    def tokenizer(self) -> Any:
        """Transformers' tokenizer."""
        ...

    @property
    def chat_template(self) -> str | None:
        """A Jinja template, where there is one."""
        ...


@dataclass(frozen=True)
class FolderText:
    """The text parts of a checkpoint whose weights run elsewhere."""

    folder: Path
    tokenizer: Any
    chat_template: str | None


@dataclass(frozen=True)
class Turns:
    """A question as the template renders it, alone and with an answer behind it."""

    asked: str
    """Up to where the model begins to answer."""
    before_answer: str | None
    """What stands before an answer that was given; None where the template shows none."""


def render_turns(checkpoint: Templated) -> Turns:
    """Ask something about an image, and answer it. A template is foreign code: it may raise anything."""
    question: Message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}
    answer: Message = {"role": "assistant", "content": [{"type": "text", "text": _ANSWER_MARK}]}
    asked = render_chat(checkpoint, [question])
    try:
        answered = render_chat(checkpoint, [question, answer], hand_over=False)
    except Exception:
        return Turns(asked, None)
    before, mark, _ = answered.partition(_ANSWER_MARK)
    return Turns(asked, before if mark else None)


def answer_lead(checkpoint: Templated) -> str:
    """Return the blank space between where the chat template hands over to the model and where its answer stands.

    Vicuna's hands over behind `ASSISTANT:`, and answers begin with a blank. A template without answers has none.
    """
    try:
        turns = render_turns(checkpoint)
    except Exception:
        return ""
    if turns.before_answer is None or not turns.before_answer.startswith(turns.asked):
        return ""
    lead = turns.before_answer.removeprefix(turns.asked)
    return "" if lead.strip() else lead


def render_chat(checkpoint: Templated, messages: list[Message], hand_over: bool = True) -> str:
    """Render a conversation, by default up to where the model begins to answer.

    Raises:
        CheckpointError: when there is no template.
    """
    if checkpoint.chat_template is None:
        raise CheckpointError(
            f"{checkpoint.folder} has no chat template, and a wrong one gives wrong verdicts; copy chat_template.jinja "
            "or chat_template.json from the page of the checkpoint."
        )
    rendered = checkpoint.tokenizer.apply_chat_template(
        messages, chat_template=checkpoint.chat_template, tokenize=False, add_generation_prompt=hand_over
    )
    return str(rendered)
