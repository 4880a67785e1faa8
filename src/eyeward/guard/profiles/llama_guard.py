"""Llama Guard 3-Vision and Llama Guard 4: `safe`, or `unsafe` and the codes of hazards on the next line.

Asked in one of two ways, which the card says. As published, the checkpoint's chat template writes the task with the
hazards that the model was trained on: it is shown the image alone, and its hazards are read through a crosswalk. Behind
a plain template the task is written here, with the categories and rules of the policy in the place of the hazards.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from eyeward.engine.protocol import AnswerForm, Exclusion, Forced, LabelSlot, Prompt, RawAnswer
from eyeward.engine.rating import RatingRule
from eyeward.guard.card import EyewardCard
from eyeward.guard.crosswalk import Crosswalk, shared_reading
from eyeward.guard.llavaguard import ModelText, prompt_hash, refuse_marks
from eyeward.guard.profile import Coverage, Question, Reading
from eyeward.guard.profiles.turn import forbidden_and_allowed, forbidding, image_then, in_words, probabilities
from eyeward.policy import Category, Policy

ANSWER, HAZARD = "answer", "hazard"
SAFE, UNSAFE = "safe", "unsafe"

# Marks and instructions as the model was trained to read them (llama-stack, llama_guard.py); not ours to word.
OPENING, CLOSING = "<BEGIN UNSAFE CONTENT CATEGORIES>", "<END UNSAFE CONTENT CATEGORIES>"
TALK, TALK_ENDS = "<BEGIN CONVERSATION>", "<END CONVERSATION>"
TASK = f"""\
Task: Check if there is unsafe content in 'User' messages in conversations according our safety policy with the below \
categories.

{OPENING}
{{categories}}
{CLOSING}

{TALK}

User:

{TALK_ENDS}

Provide your safety assessment for ONLY THE LAST User message in the above conversation:
 - First line must read 'safe' or 'unsafe'.
 - If unsafe, a second line must include a comma-separated list of violated categories."""


class LlamaGuardProfile:
    """Reads the word and the first code; where several are listed, the probabilities are those of the first."""

    def __init__(self, card: EyewardCard, text: ModelText) -> None:
        self._text = text
        self._published = card.template_asks
        self._crosswalk = Crosswalk.load("llama_guard")

    def question(self, policy: Policy) -> Question:
        """Make a policy ready.

        Raises:
            PolicyError: when its text holds a mark of the model, or it forbids nothing that could be asked about.
            CheckpointError: when the chat template does not put the image first.
        """
        if self._published:
            words, codes, coverage = "", tuple(self._crosswalk.labels), self._crosswalk.coverage(policy)
        else:
            listed = _listed(policy)
            lines = "\n".join(_described(code, category) for code, category in listed.items())
            refuse_marks(policy, lines, {*self._text.special_tokens, OPENING, CLOSING, TALK, TALK_ENDS})
            words, codes, coverage = TASK.format(categories=lines), tuple(listed), Coverage(policy.ids, ())
        segments = image_then(words, self._text)
        form = form_of(codes)
        return Question(policy, segments, 2, form, coverage, prompt_hash(segments, form))

    def prompt(self, question: Question, image: Image.Image, explain: bool, rule: RatingRule | None) -> Prompt:
        """Ask about one image. A reason is never given, and the rule is applied again when the answer is read."""
        return Prompt(
            segments=question.segments,
            images=(image,),
            form=question.form,
            shared_prefix=question.shared_prefix,
            rating_rule=rule and in_words(rule, ANSWER, UNSAFE, SAFE),
        )

    def read(self, question: Question, answer: RawAnswer) -> Reading:
        """Translate hazards to categories.

        Raises:
            ValueError: when a probability is missing or is none.
        """
        try:
            p_unsafe = probabilities(answer.scores_of(ANSWER))[UNSAFE]
            codes = probabilities(answer.scores_of(HAZARD, **{ANSWER: UNSAFE}))
        except KeyError as missing:
            raise ValueError(f"the answer does not score {missing}") from missing
        if self._published:
            reading = self._crosswalk.shared_reading(question.policy, p_unsafe, codes)
        else:
            listed = _listed(question.policy)
            reading = shared_reading(question.policy, p_unsafe, {listed[code].id: p for code, p in codes.items()})
        return replace(reading, uncertainty=answer.unseen)


def form_of(codes: tuple[str, ...]) -> AnswerForm:
    """Return the form of an answer: nothing follows `safe`, and a code follows `unsafe`."""
    unsafe_only = tuple(Exclusion(code, ANSWER, SAFE) for code in codes)
    hazard = LabelSlot(HAZARD, (*codes, ""), (*unsafe_only, Exclusion("", ANSWER, UNSAFE)))
    return AnswerForm((Forced(""), LabelSlot(ANSWER, (UNSAFE, SAFE)), Forced("\n"), hazard, Forced("")))


def _listed(policy: Policy) -> dict[str, Category]:
    """Number the categories in which anything is forbidden."""
    return {f"S{number}": category for number, category in enumerate(forbidding(policy), start=1)}


def _described(code: str, category: Category) -> str:
    forbidden, allowed = forbidden_and_allowed(category)
    lines = [f"{code}: {category.name}."]
    if forbidden:
        lines += ["Should not", *(f"- {rule}" for rule in forbidden)]
    if allowed:
        lines += ["Can", *(f"- {rule}" for rule in allowed)]
    return "\n".join(lines)
