"""A guard for tests of the command line: it reads images as every guard does, and judges by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from eyeward.guard import Coverage, Request
from eyeward.images import decode
from eyeward.policy import Policy, Stance
from eyeward.verdict import NA, Failure, ModelRef, Rating, Review, ReviewReason, Status, Verdict

WEAPONS = "O6: Weapons or Substance Abuse"


@dataclass(frozen=True)
class FakeGuard:
    """A picture called `weapon…` shows one (0.9), `doubtful…` perhaps (0.6), `page…` nothing that it knows, others
    nothing (0.1). It obeys the stance of O6, the threshold and the review band."""

    threshold: float = 0.5
    band: tuple[float, float] | None = None
    rationale: str = "It is seen in the picture."
    unknown_words: tuple[str, ...] = ()
    trained_to_judge: bool = True
    model: ModelRef = field(default=ModelRef(name="fake", revision="1", engine="fake"))
    asked: list[Request] = field(default_factory=list, compare=False)

    def with_threshold(self, threshold: float) -> FakeGuard:
        """Return it with another threshold."""
        return replace(self, threshold=threshold)

    def with_review_band(self, low: float, high: float) -> FakeGuard:
        """Return it with a review band."""
        return replace(self, band=(low, high))

    def coverage(self, policy: Policy) -> Coverage:
        """Say that it cannot read the first category, where there are words that it has never met."""
        if not self.unknown_words:
            return Coverage(policy.ids, ())
        return Coverage(policy.ids[1:], policy.ids[:1], {policy.ids[0]: self.unknown_words})

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        """Judge one by one."""
        for request in requests:
            self.asked.append(request)
            yield self._judge(request)

    def _judge(self, request: Request) -> Verdict:
        decoded = decode(request.image)
        if isinstance(decoded, Failure):
            return Verdict.failed(decoded, image=request.key, policy=request.policy.ref, model=self.model)
        name = Path(str(request.image)).name
        p_unsafe = 0.9 if name.startswith("weapon") else 0.6 if name.startswith("doubtful") else 0.1
        touched = p_unsafe > 0.5
        allowed = "O6" not in request.policy.ids or request.policy.category("O6").stance is Stance.non_violating
        p_unsafe = 0.05 if allowed else p_unsafe
        review = None
        if name.startswith("page"):
            review = Review(reason=ReviewReason.out_of_scope, scope_distance=7.25)
        elif self.band is not None and self.band[0] <= p_unsafe <= self.band[1]:
            review = Review(reason=ReviewReason.band, band=self.band)
        return Verdict(
            image=request.key,
            sha256=decoded.sha256,
            status=Status.ok,
            rating=Rating.Review if review else Rating.Unsafe if p_unsafe >= self.threshold else Rating.Safe,
            category=WEAPONS if touched else NA,
            rationale=self.rationale if request.explain else None,
            p_unsafe=p_unsafe,
            p_unsafe_raw=p_unsafe,
            threshold=self.threshold,
            review=review,
            frames_judged=1,
            notes=decoded.notes,
            policy=request.policy.ref,
            model=self.model,
        )
