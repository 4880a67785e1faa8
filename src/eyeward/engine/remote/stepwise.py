"""Judging by continuing: the tokens that tell answers apart are asked for by name, one short request a branch.

The same tree of answers as the local engine's: exact probabilities of all labels, given each rating.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from eyeward.engine.branches import FreeText, Named, NoSense, explained, judged, tail_of, wanted_text
from eyeward.engine.local.trie import ROOT, AnswerTree, Leaf, build_tree
from eyeward.engine.protocol import AnswerForm, Prompt, RawAnswer, TextSlot
from eyeward.engine.recent import Recent
from eyeward.engine.remote.completions import Completion
from eyeward.engine.remote.connection import Unreadable
from eyeward.engine.remote.constraints import text_regex
from eyeward.engine.remote.repeating import twice

_REMEMBERED_FORMS = 64


class Tokens(Protocol):
    """The model's tokenizer, wherever it is."""

    async def ids(self, text: str) -> tuple[int, ...]:
        """Cut text without adding anything."""
        ...

    async def text(self, ids: Sequence[int]) -> str:
        """Join tokens."""
        ...


class Continuation(Protocol):
    """A server that goes on behind the beginning of an answer."""

    tokens: Tokens
    by_name: bool
    """Whether it scores the tokens that are named, and not only the likeliest."""

    async def is_faithful(self, so_far: str) -> bool:
        """Whether the model would see the beginning of an answer just as if it had written it."""
        ...

    async def named(self, prompt: Prompt, images: Sequence[str], so_far: str, ids: tuple[int, ...]) -> Named:
        """Return the log-probabilities of tokens that may come next."""
        ...

    async def text(
        self, prompt: Prompt, images: Sequence[str], so_far: str, regex: str, most_tokens: int
    ) -> Completion:
        """Write what comes next."""
        ...


@dataclass(frozen=True)
class Plan:
    """The tree of a form's answers, and the text before each of its branches."""

    tree: AnswerTree
    so_far: tuple[str, ...]


class Unfaithful(Exception):
    """The server cannot go on behind this form as if the model had written it."""


class StepwiseAnswers:
    """Asks for one token a branch: the first alone, so that the server has the prompt, then the others together.

    Where all labels are given there is no branch, and only the free text is asked for.
    """

    def __init__(self, continuation: Continuation) -> None:
        self._continuation = continuation
        self._plans: Recent[AnswerForm, asyncio.Task[Plan]] = Recent(_REMEMBERED_FORMS)

    async def plan(self, form: AnswerForm) -> Plan:
        """Return the plan of a form, made once.

        Raises:
            Unfaithful: when there is none.
            RequestFailed: when the server does not answer.
        """
        task = self._plans.get_or_make(form, lambda: asyncio.create_task(self._make_plan(form)))
        try:
            return await asyncio.shield(task)
        except Unfaithful:
            raise
        except Exception:
            if self._plans.get(form) is task:
                del self._plans[form]
            raise

    async def answer(self, prompt: Prompt, images: Sequence[str]) -> RawAnswer:
        """Answer one prompt.

        Raises:
            Unfaithful: when the form cannot be asked in steps.
            RequestFailed: when it cannot be answered.
        """
        plan = await self.plan(prompt.form)
        tree = plan.tree
        branches = [
            self._branch(prompt, images, so_far, branch.options)
            for so_far, branch in zip(plan.so_far, tree.branches, strict=True)
        ]
        others = branches[1:]
        try:
            asked = [await first for first in branches[:1]]
            asked += await _together(others)
        finally:
            for other in others:
                other.close()
        try:
            leaf, answer = judged(prompt, tree, asked)
        except NoSense as error:
            raise Unreadable(str(error)) from None
        slot = wanted_text(prompt)
        if slot is None:
            return answer
        return await twice(lambda times: self._explained(prompt, images, leaf, slot, answer))

    async def _branch(self, prompt: Prompt, images: Sequence[str], so_far: str, options: tuple[int, ...]) -> Named:
        async def ask(times: int) -> Named:
            named = await self._continuation.named(prompt, images, so_far, options)
            if not named.says_something:
                raise Unreadable("The server names no probability of any label.")
            return named

        return await twice(ask)

    async def _explained(
        self, prompt: Prompt, images: Sequence[str], leaf: Leaf, slot: TextSlot, answer: RawAnswer
    ) -> RawAnswer:
        tail = tail_of(prompt.form)
        completion = await self._continuation.text(prompt, images, leaf.text, text_regex(slot, tail), slot.max_tokens)
        try:
            return explained(answer, slot, tail, FreeText(completion.text, completion.cut, completion.tokens))
        except NoSense as error:
            raise Unreadable(str(error)) from None

    async def _make_plan(self, form: AnswerForm) -> Plan:
        slots = [place for place, part in enumerate(form.parts) if isinstance(part, TextSlot)]
        closed = AnswerForm(form.parts[: slots[0]]) if slots else form
        try:
            texts = [leaf.text for leaf in build_tree(closed, lambda text: tuple(text.encode())).leaves]
            cut = {text: await self._continuation.tokens.ids(text) for text in texts}
            tree = build_tree(closed, cut.__getitem__)
        except ValueError as error:
            raise Unfaithful(str(error)) from error
        if not tree.branches and not await self._continuation.is_faithful(texts[0]):
            raise Unfaithful(f"the chat template writes something between the prompt and {texts[0]!r}")
        return Plan(tree, tuple([await self._so_far(tree, branch.node) for branch in tree.branches]))

    async def _so_far(self, tree: AnswerTree, node: int) -> str:
        path: list[int] = []
        while node != ROOT:
            path.insert(0, tree.tokens[node])
            node = tree.parents[node]
        text = await self._continuation.tokens.text(path)
        leads = any(leaf.text.startswith(text) for leaf in tree.leaves)
        if not path or not leads or await self._continuation.tokens.ids(text) != tuple(path):
            raise Unfaithful(f"the beginning {text!r} is cut into other tokens than the whole answer")
        if not await self._continuation.is_faithful(text):
            raise Unfaithful(f"the chat template writes something between the prompt and {text!r}")
        return text


async def _together(coroutines: Sequence[Awaitable[Named]]) -> list[Named]:
    """Wait for all; when one fails, stop the others and raise what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
