"""Checks of the text that a model is given: its chat template, and the tokens of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eyeward.engine.protocol import ImageSegment, LabelSlot, Prompt, TextSegment
from eyeward.errors import CheckpointError
from eyeward.guard.chat_template import render_turns
from eyeward.guard.profile import Question
from eyeward.guard.self_check.finding import Finding, Subject, does_not_apply, failed, passed
from eyeward.policy import Policy

if TYPE_CHECKING:
    from eyeward.engine.local.tokens import PromptTokens
    from eyeward.engine.local.trie import AnswerTree

TEMPLATE, LABELS = "chat template", "labels"


def check_template(subject: Subject) -> Finding:
    """See that policy and image stand in the prompt once each, and that it ends where an answer begins."""
    question = subject.question(Policy.load("default"))
    if isinstance(question, str):
        return failed(TEMPLATE, question)
    if subject.checkpoint is None:
        return does_not_apply(TEMPLATE, "the server renders the prompt with its own")
    images = sum(isinstance(segment, ImageSegment) for segment in question.segments)
    last = question.segments[-1]
    text = "".join(segment.text for segment in question.segments if isinstance(segment, TextSegment))
    mark = subject.checkpoint.image_token
    if images != 1 or mark in text:
        return failed(TEMPLATE, f"The image mark {mark!r} stands {images + text.count(mark)} times in the prompt.")
    turns = render_turns(subject.checkpoint)
    if turns.before_answer is None:
        return does_not_apply(TEMPLATE, "it shows no answer of the model, so nobody can say where one begins")
    asked, before = _without_blanks(turns.asked), _without_blanks(turns.before_answer)
    if asked != before:
        between = f"{before.removeprefix(asked)!r} is missing behind it"
        return failed(
            TEMPLATE,
            "The chat template does not hand over to the model: the prompt ends with "
            f"{_end(turns.asked)!r}, but the template puts answers behind {_end(turns.before_answer)!r}"
            f"{f' ({between})' if before.startswith(asked) else ''}. Correct its add_generation_prompt, or copy the "
            "template from the page of the checkpoint.",
        )
    ending = last.text if isinstance(last, TextSegment) else ""
    return passed(TEMPLATE, f"policy and image once each; answers begin behind {_end(ending)!r}")


def check_labels(subject: Subject, policies: Sequence[Policy]) -> Finding:
    """See that a model can spell the ratings, and the categories of each policy, and tells them apart."""
    if subject.engine is None:
        return does_not_apply(LABELS, "the server's tokenizer is not at hand")
    tokens = subject.engine.tokens
    seen: list[str] = []
    for policy in policies:
        question = subject.question(policy)
        if isinstance(question, str):
            return does_not_apply(LABELS, f"the policy {policy.name!r} cannot be asked: {question}")
        try:
            tree = tokens.layout(_prompt(question)).tree
        except (CheckpointError, ValueError):
            return failed(LABELS, _alike(question, tokens))
        for leaf in tree.leaves:
            spelled = b"".join(tokens.spelling()[token] or b"" for token in (*leaf.tokens, *leaf.unsettled))
            if _without_blanks(spelled.decode("utf-8", "replace")) != _without_blanks(leaf.text):
                return failed(
                    LABELS,
                    f"The tokenizer cannot spell {leaf.text!r}: its tokens say {spelled.decode('utf-8', 'replace')!r}.",
                )
        seen.append(policy.name)
        first = _first_tokens(question, tree, tokens)
    return passed(LABELS, f"{', '.join(seen)}: all told apart; ratings part at {first}")


def _prompt(question: Question) -> Prompt:
    return Prompt(question.segments, (), question.form, question.shared_prefix)


def _first_tokens(question: Question, tree: AnswerTree, tokens: PromptTokens) -> str:
    spelled = [(tokens.spelling()[token] or b"").decode("utf-8", "replace") for token in tree.branches[0].options]
    return " and ".join(repr(text) for text in spelled)


def _alike(question: Question, tokens: PromptTokens) -> str:
    """Name the labels of a slot that have the same tokens, or of which one begins with all tokens of another."""
    for slot in (part for part in question.form.parts if isinstance(part, LabelSlot)):
        cut = {label: tokens.ids(label) for label in slot.labels}
        for label, ids in cut.items():
            for other, others in cut.items():
                if label != other and others[: len(ids)] == ids:
                    same = "have the same tokens" if ids == others else "begin with the same tokens"
                    return (
                        f"The labels {label!r} and {other!r} {same}, so the model cannot tell them apart; "
                        "tokenizer.json is not the one that this model was trained with."
                    )
    return "Two answers have the same tokens, so the model cannot tell them apart; tokenizer.json is not this model's."


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _end(text: str) -> str:
    """Return the last few characters."""
    return text if len(text) <= 40 else f"…{text[-39:]}"
