"""A guard: a profile and an engine, and the way from images to verdicts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from eyeward.engine.protocol import Engine, Prompt, RawAnswer
from eyeward.engine.rating import RatingRule
from eyeward.engine.recent import Recent
from eyeward.engine.separate import judge_separately
from eyeward.errors import ErrorType, EyewardError, UsageError
from eyeward.guard.decoding import DecodedAhead, pixels_of
from eyeward.guard.frames import Judgement, judge_frame, worst
from eyeward.guard.profile import Coverage, Profile, Question
from eyeward.guard.scope import ScopeCheck
from eyeward.images import DecodedImage, ImageSource, Limits, decode
from eyeward.images.reading import printable
from eyeward.policy import Policy
from eyeward.verdict import Failure, ModelRef, Note, Rating, Review, ReviewReason, Status, Verdict

BATCH_PIXELS = 50_000_000
"""Pixels above which a batch is handed over early, so that memory stays bounded."""
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Request:
    """One image to judge under one policy. `key` is what the verdict calls the image; by default its path."""

    image: ImageSource
    policy: Policy
    explain: bool = False
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A verdict, and what it does not hold: a number for every category, whatever the rating."""

    verdict: Verdict
    given_unsafe: Mapping[str, float] = field(default_factory=dict)
    """By category id: the probability of each, given that the image is Unsafe. Empty where nothing was judged."""

    @property
    def category_scores(self) -> dict[str, float]:
        """By category id: the probability that the image is Unsafe and that this is why."""
        p_unsafe = self.verdict.p_unsafe
        return {} if p_unsafe is None else {id: p_unsafe * p for id, p in self.given_unsafe.items()}


@dataclass(frozen=True)
class _Opened:
    """A request with its image and its question, or what went wrong with either."""

    request: Request
    content: tuple[DecodedImage, Question] | Failure

    @property
    def frames(self) -> tuple[Image.Image, ...]:
        return () if isinstance(self.content, Failure) else tuple(frame.pixels for frame in self.content[0].frames)


@dataclass(frozen=True)
class Guard:
    """Judges images. `load_guard` makes one; the parts are in the open for those who bring their own.

    Nothing that goes wrong with an image is raised, and nothing that goes wrong becomes Safe: it is a verdict with
    status `error`. What is wrong with a policy is raised, but by `assess_requests`, where others wait behind it.
    """

    engine: Engine
    profile: Profile
    model: ModelRef
    rule: RatingRule | None = None
    """How ratings are decided; None is parity mode: as greedy decoding would write them, or a service decides."""
    scope: ScopeCheck | None = None
    scope_threshold: float | None = None
    limits: Limits = _DEFAULT_LIMITS
    trained_to_judge: bool = True
    """False for a base model, which has seen no verdict: its ratings are guesses."""
    rule_at_hand: RatingRule | None = None
    """For a service that decides by itself: what a threshold or a band of the user's own starts from."""
    decoded_at_once: int = 0
    """Bytes of an image up to which who asks decodes it, and no thread beside the engine: for callers with threads of
    their own."""
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What else decides answers, by name: digests of the small files of the checkpoint and of its card, how images are
    sent to a server. Empty where nobody said."""
    _questions: Recent[str, Question] = field(default_factory=lambda: Recent(64), init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse half a scope check."""
        if (self.scope is None) != (self.scope_threshold is None):
            raise UsageError("A scope check and its threshold go together.")

    def assess(self, image: ImageSource, policy: Policy | str, explain: bool = False) -> Verdict:
        """Judge one image.

        Raises:
            PolicyError: when the policy cannot be read or cannot be asked of this guard.
        """
        return next(self.assess_many([image], policy, explain))

    def assess_many(
        self, images: Iterable[ImageSource], policy: Policy | str, explain: bool = False
    ) -> Iterator[Verdict]:
        """Judge images in order, in batches, in bounded memory.

        Raises:
            PolicyError: when the policy cannot be read or cannot be asked of this guard.
            UsageError: when `images` is one image and not several.
        """
        if _is_one_image(images):
            raise UsageError("assess_many takes several images; put this one into a list, or call assess.")
        chosen = _as_policy(policy)
        self._question(chosen)
        return self.assess_requests(Request(image, chosen, explain) for image in images)

    def assess_policies(
        self, image: ImageSource, policies: Sequence[Policy | str], explain: bool = False
    ) -> list[Verdict]:
        """Judge one image under several policies; it is decoded and encoded once.

        Raises:
            PolicyError: when a policy cannot be read or cannot be asked of this guard.
        """
        started = time.perf_counter()
        chosen = [_as_policy(policy) for policy in policies]
        questions = [self._question(policy) for policy in chosen]
        decoded = decode(image, self.limits)
        opened = [
            _Opened(Request(image, policy, explain), decoded if isinstance(decoded, Failure) else (decoded, question))
            for policy, question in zip(chosen, questions, strict=True)
        ]
        return [scored.verdict for scored in self._judge(opened, started)] if opened else []

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        """Judge requests with mixed policies, in order, in batches, in bounded memory."""
        for scored in self.score_requests(requests):
            yield scored.verdict

    def score_requests(self, requests: Iterable[Request]) -> Iterator[Scored]:
        """Judge as `assess_requests` does, with a number for every category beside each verdict."""
        batch: list[_Opened] = []
        frames = pixels = 0
        started = time.perf_counter()
        for opened in self._opened(requests):
            batch.append(opened)
            frames += max(1, len(opened.frames))
            pixels += 0 if isinstance(opened.content, Failure) else pixels_of(opened.content[0])
            if frames >= self.engine.capabilities.prompts_at_once or pixels >= BATCH_PIXELS:
                yield from self._judge(batch, started)
                batch, frames, pixels, started = [], 0, 0, time.perf_counter()
        if batch:
            yield from self._judge(batch, started)

    def coverage(self, policy: Policy | str) -> Coverage:
        """Say which categories of a policy this guard can judge, and which words it has never met."""
        return self._question(_as_policy(policy)).coverage

    def prompt_hash(self, policy: Policy | str) -> str:
        """Return the hash of the prompt that asks about a policy, as verdicts carry it."""
        return self._question(_as_policy(policy)).prompt_hash

    def with_threshold(self, threshold: float) -> Guard:
        """Return this guard with another threshold on `p_unsafe`."""
        return self._with_rule(threshold=threshold)

    def with_review_band(self, low: float, high: float) -> Guard:
        """Return this guard with a review band on `p_unsafe`, ends included."""
        return self._with_rule(band=(low, high))

    def in_parity_mode(self) -> Guard:
        """Return this guard without calibration, threshold and band: it writes what greedy decoding would write."""
        return replace(self, rule=None, rule_at_hand=None)

    def _with_rule(self, **changes: object) -> Guard:
        before = self.rule or self.rule_at_hand
        if before is None:
            raise UsageError("In parity mode there is neither threshold nor review band.")
        try:
            rule = RatingRule.model_validate({**before.model_dump(), **changes})
        except ValueError as error:
            raise UsageError("Threshold and review band are probabilities between 0 and 1, the lower first.") from error
        return replace(self, rule=rule)

    def _question(self, policy: Policy) -> Question:
        return self._questions.get_or_make(policy.hash, lambda: self.profile.question(policy))

    def _opened(self, requests: Iterable[Request]) -> Iterator[_Opened]:
        """Decode the next batch while the engine judges one."""
        count = self.engine.capabilities.prompts_at_once
        ahead = DecodedAhead(
            requests, lambda request: request.image, self.limits, count, BATCH_PIXELS, self.decoded_at_once
        )
        for request, image in ahead:
            try:
                question = self._question(request.policy)
            except EyewardError as error:
                yield _Opened(request, Failure(type=ErrorType.internal, message=str(error)))
            else:
                yield _Opened(request, image if isinstance(image, Failure) else (image, question))

    def _judge(self, batch: Sequence[_Opened], started: float) -> Iterator[Scored]:
        prompts = [
            self.profile.prompt(opened.content[1], frame, opened.request.explain, self.rule)
            for opened in batch
            if not isinstance(opened.content, Failure)
            for frame in opened.frames
        ]
        answers = iter(self._answers(prompts))
        judged = [(opened, [next(answers) for _ in opened.frames]) for opened in batch]
        seconds = (time.perf_counter() - started) / len(batch)
        for opened, raw in judged:
            yield self._scored(opened, raw, seconds)

    def _answers(self, prompts: Sequence[Prompt]) -> list[RawAnswer]:
        if not prompts:
            return []
        try:
            answers = list(judge_separately(self.engine, prompts))
        except Exception as error:
            message = f"The engine failed: {type(error).__name__}: {error}."
            return [RawAnswer(error=Failure(type=ErrorType.internal, message=message))] * len(prompts)
        if len(answers) != len(prompts):
            message = f"The engine gave {len(answers)} answers to {len(prompts)} prompts."
            return [RawAnswer(error=Failure(type=ErrorType.internal, message=message))] * len(prompts)
        return answers

    def _scored(self, opened: _Opened, answers: Sequence[RawAnswer], seconds: float) -> Scored:
        request = opened.request
        name = request.key
        if name is None and isinstance(request.image, str | Path):
            name = printable(str(request.image))
        policy = request.policy.ref
        if isinstance(opened.content, Failure):
            return Scored(Verdict.failed(opened.content, image=name, policy=policy, model=self.model, seconds=seconds))
        decoded, question = opened.content
        failure = next((answer.error for answer in answers if answer.error is not None), None)
        judgements: list[Judgement] = []
        if failure is None:
            try:
                judgements = [self._judgement(question, answer) for answer in answers]
            except Exception as error:
                failure = Failure(type=ErrorType.internal, message=f"The answer makes no sense: {error}.")
        if failure is not None:
            failed = Verdict.failed(
                failure,
                image=name,
                policy=policy,
                model=self.model,
                sha256=decoded.sha256,
                notes=decoded.notes,
                seconds=seconds,
            )
            return Scored(failed)
        judged = worst(judgements)
        rating, review = judged.rating, judged.review
        if rating is Rating.Safe and decoded.frames_judged < decoded.frames_total:
            rating, review = Rating.Review, Review(reason=ReviewReason.frames)
        verdict = Verdict(
            image=name,
            sha256=decoded.sha256,
            status=Status.ok,
            rating=rating,
            category=judged.category,
            rationale=judged.rationale,
            p_unsafe=judged.p_unsafe,
            p_unsafe_raw=judged.p_unsafe_raw,
            uncertainty=judged.uncertainty,
            category_probabilities=judged.category_probabilities,
            threshold=None if self.rule is None else self.rule.threshold,
            review=review,
            frames_judged=decoded.frames_judged,
            notes=(*decoded.notes, *judged.notes),
            policy=policy,
            prompt_hash=question.prompt_hash,
            model=self.model,
            seconds=seconds,
        )
        return Scored(verdict, judged.given_unsafe)

    def _judgement(self, question: Question, answer: RawAnswer) -> Judgement:
        reading = self.profile.read(question, answer)
        distance = None if self.scope is None else self.scope.distance(answer.features)
        judgement = judge_frame(reading, self.rule, question.coverage, distance, self.scope_threshold)
        if answer.cut:
            judgement = replace(judgement, notes=(*judgement.notes, Note.rationale_cut.value))
        return judgement


def _is_one_image(images: object) -> bool:
    """Whether it is an image itself: text, bytes and arrays can be iterated over, too."""
    if isinstance(images, np.ndarray):
        return images.ndim < 4
    return isinstance(images, str | bytes | PathLike | Image.Image)


def _as_policy(policy: Policy | str) -> Policy:
    return policy if isinstance(policy, Policy) else Policy.load(policy)
