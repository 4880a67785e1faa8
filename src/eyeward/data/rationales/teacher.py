"""A guard that explains labels: rating and category are given, it writes the reason, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.origin import Obstacle
from eyeward.data.sample import Sample
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.recent import Recent
from eyeward.errors import ErrorType, EyewardError, UsageError
from eyeward.guard.forms import RATIONALE
from eyeward.guard.guard import Guard
from eyeward.guard.profile import GuidedProfile, Question
from eyeward.policy.schema import Policy
from eyeward.verdict import Failure

_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Explanandum:
    """A label that wants a reason, with the picture that it is about."""

    sample: Sample
    policy: Policy
    excepted: bool
    """Whether the policy itself turns the category or lifts the ban."""
    frames: tuple[Image.Image, ...]
    """The pictures of the image: several for an animation, and for one that is transparent."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a teacher wrote, or why it wrote nothing that can be read."""

    text: str = ""
    obstacle: Obstacle | ErrorType | None = None
    message: str = ""
    """What went wrong, for people."""


class Teacher:
    """Asks one guard, whatever engine it runs on. What goes wrong is said, never raised, and never an empty text."""

    def __init__(self, guard: Guard) -> None:
        """Take a guard.

        Raises:
            UsageError: for one that writes no rationales.
        """
        if not isinstance(guard.profile, GuidedProfile):
            raise UsageError(
                f"The guard {guard.model.name!r} gives scores and writes no reasons; take a LlavaGuard, a QwenGuard or "
                "any model that chats (zero_shot:http://host:8000/v1#model)."
            )
        self.guard = guard
        self._profile = guard.profile
        self._questions: Recent[str, Question] = Recent(64)

    @property
    def at_once(self) -> int:
        """How many labels it should be handed together."""
        return self.guard.engine.capabilities.prompts_at_once

    def understands(self, guidance: Guidance, wanted: Explanandum) -> bool:
        """Whether it has met the words with which this way asks."""
        instruction = _instruction(guidance, wanted)
        return all(self._profile.reads(text) for text in (instruction, guidance.opening) if text)

    def explain(self, wanted: Sequence[Explanandum], guidance: Guidance) -> Iterator[Said]:
        """Ask for the reason of each, together, and yield what was said in their order."""
        prompts = [self._prompt(each, guidance) for each in wanted]
        answers = iter(self._answers([prompt for prompt in prompts if isinstance(prompt, Prompt)]))
        for prompt in prompts:
            yield self._read(prompt, next(answers), guidance) if isinstance(prompt, Prompt) else prompt

    def _prompt(self, wanted: Explanandum, guidance: Guidance) -> Prompt | Said:
        try:
            question = self._questions.get_or_make(wanted.policy.hash, lambda: self._profile.question(wanted.policy))
            if question.coverage.unknown_words:
                unknown = {word for words in question.coverage.unknown_words.values() for word in words}
                return Said(obstacle=Obstacle.unknown_words, message=f"It has never met {', '.join(sorted(unknown))}.")
            frame = self._frame(wanted, question)
            if isinstance(frame, Said):
                return frame
            label = wanted.sample.rating, wanted.sample.category
            instruction = _instruction(guidance, wanted)
            return self._profile.guided(question, frame, *label, instruction, guidance.opening)
        except EyewardError as error:
            return Said(obstacle=Obstacle.policy_refused, message=str(error))

    def _frame(self, wanted: Explanandum, question: Question) -> Image.Image | Said:
        """Return the picture that counts in a verdict: the one that is most likely Unsafe."""
        if len(wanted.frames) == 1:
            return wanted.frames[0]
        prompts = [self._profile.prompt(question, frame, False, None) for frame in wanted.frames]
        likely: list[float] = []
        for answer in self._answers(prompts):
            if answer.error is not None:
                return Said(obstacle=answer.error.type, message=answer.error.message)
            try:
                likely.append(self._profile.read(question, answer).p_unsafe_raw)
            except ValueError as error:
                return Said(obstacle=ErrorType.internal, message=f"The answer makes no sense: {error}.")
        return wanted.frames[likely.index(max(likely))]

    def _answers(self, prompts: Sequence[Prompt]) -> list[RawAnswer]:
        if not prompts:
            return []
        try:
            answers = list(self.guard.engine.judge(prompts))
        except Exception as error:
            message = f"The engine failed: {type(error).__name__}: {error}."
        else:
            if len(answers) == len(prompts):
                return answers
            message = f"The engine gave {len(answers)} answers to {len(prompts)} prompts."
        return [RawAnswer(error=Failure(type=ErrorType.internal, message=message))] * len(prompts)

    def _read(self, prompt: Prompt, answer: RawAnswer, guidance: Guidance) -> Said:
        if answer.error is not None:
            return Said(obstacle=answer.error.type, message=answer.error.message)
        for slot in prompt.form.label_slots:
            if answer.written.get(slot.name) not in slot.labels:
                message = f"The {slot.name} {answer.written.get(slot.name)!r} was written, not {slot.labels[0]!r}."
                return Said(obstacle=ErrorType.unparsable_answer, message=message)
        far = self._is_out_of_scope(answer)
        if far is not None:
            return far
        written = answer.written.get(RATIONALE, "")
        if not _WORD.search(written):
            return Said(obstacle=Obstacle.empty)
        if answer.cut:
            return Said(obstacle=Obstacle.cut)
        if guidance.opening and _WORD.match(written):
            return Said(obstacle=Obstacle.runs_on)
        return Said(" ".join(f"{guidance.opening}{written}".split()))

    def _is_out_of_scope(self, answer: RawAnswer) -> Said | None:
        scope, most = self.guard.scope, self.guard.scope_threshold
        if scope is None or most is None:
            return None
        try:
            distance = scope.distance(answer.features)
        except ValueError as error:
            return Said(obstacle=ErrorType.internal, message=f"The answer makes no sense: {error}.")
        if distance <= most:
            return None
        return Said(obstacle=Obstacle.out_of_scope)


def _instruction(guidance: Guidance, wanted: Explanandum) -> str:
    return guidance.instruction(wanted.sample.rating, wanted.sample.category, wanted.excepted)
