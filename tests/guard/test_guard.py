"""From images to verdicts, with an engine that calls bright pictures unsafe."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.rating import RatingRule
from eyeward.errors import PolicyError, UsageError
from eyeward.guard import guard as guard_module
from eyeward.guard.card import EyewardCard, Vocabulary
from eyeward.guard.guard import Guard, Request
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.guard.scope import ScopeCheck
from eyeward.images import ImageSource, Limits
from eyeward.policy import Policy
from eyeward.verdict import ErrorType, ModelRef, Rating, ReviewReason, Status, Verdict
from tests.fakes import FakeEngine, brightness, by_brightness, failing, model_text, raw_answer

DEFAULT = Policy.load("default")
RULE = RatingRule(slot="rating", positive="Unsafe", negative="Safe")
BRIGHT, DARK = 250, 5


def make_guard(
    answer: Callable[[Prompt], RawAnswer] = by_brightness,
    *,
    rule: RatingRule | None = RULE,
    scope: ScopeCheck | None = None,
    unknown: Sequence[str] = (),
    limits: Limits | None = None,
) -> Guard:
    card = EyewardCard(name="fake", vocabulary=Vocabulary.met_in_training)
    return Guard(
        engine=FakeEngine(answer),
        profile=LlavaGuardProfile(card, model_text(unknown)),
        model=ModelRef(name="fake", revision="1", engine="fake"),
        rule=rule,
        scope=scope,
        scope_threshold=None if scope is None else 0.5,
        limits=limits or Limits(),
    )


def calls(guard: Guard) -> list[list[Prompt]]:
    assert isinstance(guard.engine, FakeEngine)
    return guard.engine.calls


def grey(level: int, side: int = 8) -> Image.Image:
    return Image.new("RGB", (side, side), (level, level, level))


def animation(*levels: int) -> bytes:
    file = io.BytesIO()
    first, *rest = (grey(level) for level in levels)
    first.save(file, "GIF", save_all=True, append_images=rest, duration=50)
    return file.getvalue()


def test_a_verdict_says_what_was_judged_and_how(tmp_path: Path) -> None:
    file = tmp_path / "bright.png"
    grey(BRIGHT).save(file)
    verdict = make_guard().assess(file, DEFAULT, explain=True)
    assert (verdict.status, verdict.rating, verdict.category) == (Status.ok, Rating.Unsafe, DEFAULT.labels[0])
    assert verdict.p_unsafe == verdict.p_unsafe_raw == pytest.approx(BRIGHT / 255)
    assert (verdict.image, verdict.rationale, verdict.threshold) == (str(file), "Because.", 0.5)
    assert (verdict.model.name, verdict.policy, verdict.frames_judged) == ("fake", DEFAULT.ref, 1)
    assert verdict.category_probabilities["O1"] == 1.0
    assert verdict.prompt_hash
    assert verdict.sha256
    assert verdict.seconds is not None


@pytest.mark.parametrize("kind", ["path", "string", "bytes", "picture", "array"])
def test_every_kind_of_image_is_judged(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "bright.png"
    grey(BRIGHT).save(file)
    images: dict[str, ImageSource] = {
        "path": file,
        "string": str(file),
        "bytes": file.read_bytes(),
        "picture": grey(BRIGHT),
        "array": np.full((8, 8, 3), BRIGHT, dtype=np.uint8),
    }
    assert make_guard().assess(images[kind], "default").rating is Rating.Unsafe


def test_many_come_in_order_in_batches_with_errors_in_their_places() -> None:
    images = [grey(BRIGHT) if n % 3 else b"" for n in range(100)]
    guard = make_guard()
    verdicts = list(guard.assess_many(images, DEFAULT))
    assert [v.rating for v in verdicts] == [Rating.Unsafe if n % 3 else None for n in range(100)]
    assert {v.error.type for v in verdicts if v.error} == {ErrorType.unreadable}
    assert 2 < len(calls(guard)) < 10


@pytest.mark.parametrize(
    "one",
    ["photos", Path("photos"), b"\x89PNG", grey(5), np.zeros((8, 8, 3), np.uint8)],
    ids=lambda one: type(one).__name__,
)
def test_one_image_in_place_of_several_is_refused(one: ImageSource) -> None:
    with pytest.raises(UsageError, match="put this one into a list"):
        make_guard().assess_many(one, DEFAULT)  # type: ignore[arg-type]


def test_an_array_of_arrays_is_several_images() -> None:
    verdicts = list(make_guard().assess_many(np.full((2, 8, 8, 3), BRIGHT, np.uint8), DEFAULT))
    assert [verdict.rating for verdict in verdicts] == [Rating.Unsafe] * 2


def test_input_is_taken_as_it_is_needed() -> None:
    taken = 0

    def endless() -> Iterator[Image.Image]:
        nonlocal taken
        while True:
            taken += 1
            yield grey(DARK)

    verdicts = make_guard().assess_many(endless(), DEFAULT)
    for _ in range(40):
        next(verdicts)
    assert taken < 150


def test_an_engine_is_handed_as_many_prompts_together_as_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = make_guard()
    monkeypatch.setattr(guard.engine, "capabilities", replace(guard.engine.capabilities, prompts_at_once=5))
    list(guard.assess_many([grey(DARK)] * 12, DEFAULT))
    assert [len(call) for call in calls(guard)] == [5, 5, 2]


def test_large_images_make_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "BATCH_PIXELS", 2 * 64 * 64)
    guard = make_guard()
    list(guard.assess_many([grey(DARK, 64)] * 6, DEFAULT))
    assert [len(call) for call in calls(guard)] == [2, 2, 2]


def test_the_worst_frame_counts_and_transparency_is_seen_over_both_backgrounds() -> None:
    guard = make_guard()
    bad_at_last = guard.assess(animation(DARK, DARK + 2, BRIGHT), DEFAULT)
    assert (bad_at_last.rating, bad_at_last.frames_judged) == (Rating.Unsafe, 3)
    hidden = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert guard.assess(hidden, DEFAULT).rating is Rating.Unsafe
    assert [brightness(prompt) for prompt in calls(guard)[-1]] == [1.0, 0.0]


def test_frames_that_nobody_judged_make_a_safe_verdict_review_and_leave_an_unsafe_one() -> None:
    guard = make_guard(limits=Limits(max_frames=2))
    safe, unsafe = (guard.assess(animation(DARK, DARK + 1, last), DEFAULT) for last in (DARK, BRIGHT))
    assert safe.review is not None
    assert (safe.rating, safe.review.reason, safe.frames_judged) == (Rating.Review, ReviewReason.frames, 2)
    assert unsafe.rating is Rating.Unsafe


def test_an_error_on_one_frame_is_an_error_of_the_image() -> None:
    def second_fails(prompt: Prompt) -> RawAnswer:
        return by_brightness(prompt) if brightness(prompt) > 0.5 else failing("no")(prompt)

    verdict = make_guard(second_fails).assess(animation(BRIGHT, DARK), DEFAULT)
    assert (verdict.status, verdict.rating) == (Status.error, None)


def nonsense(prompt: Prompt) -> RawAnswer:
    good = by_brightness(prompt)
    broken = dict.fromkeys(good.scores[0].log_probabilities, math.nan)
    return RawAnswer(scores=(type(good.scores[0])("rating", (), broken), *good.scores[1:]), written=good.written)


def crashing(prompt: Prompt) -> RawAnswer:
    raise RuntimeError("the device fell over")


@pytest.mark.parametrize("answer", [failing("out of order"), nonsense, crashing, lambda prompt: RawAnswer()])
def test_whatever_goes_wrong_in_the_engine_is_never_a_rating(answer: Callable[[Prompt], RawAnswer]) -> None:
    verdicts = list(make_guard(answer).assess_many([grey(DARK), grey(BRIGHT)], DEFAULT))
    assert len(verdicts) == 2
    for verdict in verdicts:
        assert (verdict.status, verdict.rating, verdict.p_unsafe) == (Status.error, None, None)
        assert verdict.error is not None
        assert verdict.error.type is ErrorType.internal
        assert verdict.flagged


def test_the_error_of_an_engine_is_the_error_of_the_verdict() -> None:
    verdict = make_guard(failing("out of order")).assess(grey(BRIGHT), DEFAULT)
    assert verdict.error is not None
    assert verdict.error.message == "out of order"
    assert verdict.sha256


def test_an_engine_that_loses_an_answer_spoils_the_whole_batch() -> None:
    class Losing(FakeEngine):
        def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
            yield from super().judge(prompts[1:])

    guard = make_guard()
    lossy = Guard(Losing(by_brightness), guard.profile, guard.model, RULE)
    verdicts = list(lossy.assess_many([grey(BRIGHT), grey(DARK)], DEFAULT))
    assert [verdict.status for verdict in verdicts] == [Status.error, Status.error]


def test_policies_are_asked_about_one_picture_that_is_decoded_once() -> None:
    guard = make_guard()
    policies = [DEFAULT, DEFAULT.sensitive("O2"), DEFAULT.only("O1")]
    verdicts = guard.assess_policies(grey(BRIGHT), policies)
    assert [verdict.policy.hash for verdict in verdicts] == [policy.hash for policy in policies]
    ((first, *others),) = calls(guard)
    assert all(other.images[0] is first.images[0] for other in others)
    assert guard.assess_policies(grey(BRIGHT), []) == []
    assert [v.status for v in guard.assess_policies(b"", policies)] == [Status.error] * 3


def test_requests_carry_their_own_policies_and_names() -> None:
    requests = [
        Request(grey(BRIGHT), DEFAULT, explain=True, key="first"),
        Request("nowhere.png", DEFAULT.only("O2")),
        Request(grey(DARK), DEFAULT.only("O2"), key="third"),
    ]
    first, second, third = make_guard().assess_requests(requests)
    assert (first.image, first.rationale, first.rating) == ("first", "Because.", Rating.Unsafe)
    assert (second.image, second.status) == ("nowhere.png", Status.error)
    assert (third.image, third.rationale, third.policy.hash) == ("third", None, DEFAULT.only("O2").hash)


def test_a_policy_that_cannot_be_asked_is_raised_at_once_but_is_a_verdict_among_requests() -> None:
    guard = make_guard()
    bad = DEFAULT.add_rule("O1", "an <end> of all", "can")
    with pytest.raises(PolicyError, match="<end>"):
        guard.assess_many([grey(DARK)], bad)
    with pytest.raises(PolicyError):
        guard.assess(grey(DARK), "no-such-policy")
    verdicts = list(guard.assess_requests([Request(grey(DARK), bad), Request(grey(DARK), DEFAULT)]))
    assert [verdict.status for verdict in verdicts] == [Status.error, Status.ok]
    assert verdicts[0].error is not None
    assert "<end>" in verdicts[0].error.message


def test_threshold_and_band_can_be_changed_but_not_in_parity_mode() -> None:
    guard = make_guard()
    assert guard.assess(grey(100), DEFAULT).rating is Rating.Safe
    assert guard.with_threshold(0.3).assess(grey(100), DEFAULT).rating is Rating.Unsafe
    in_band = guard.with_review_band(0.3, 0.6).assess(grey(100), DEFAULT)
    assert in_band.review is not None
    assert in_band.review.band == (0.3, 0.6)
    parity = guard.with_threshold(0.3).in_parity_mode()
    verdict = parity.assess(grey(100), DEFAULT)
    assert (verdict.rating, verdict.threshold) == (Rating.Safe, None)
    with pytest.raises(UsageError, match="neither threshold nor review band"):
        parity.with_threshold(0.5)
    with pytest.raises(UsageError, match="between 0 and 1"):
        guard.with_threshold(1.5)
    with pytest.raises(UsageError, match="lower first"):
        guard.with_review_band(0.7, 0.2)


def scope_by_brightness() -> tuple[ScopeCheck, Callable[[Prompt], RawAnswer]]:
    zero, one = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)
    check = ScopeCheck(zero, one, np.array([3, 0, 0], dtype=np.float32))

    def answer(prompt: Prompt) -> RawAnswer:
        return raw_answer(prompt, 0.02, features=(1.0 if brightness(prompt) > 0.5 else -1.0,))

    return check, answer


def test_an_image_out_of_scope_is_review_with_its_distance() -> None:
    check, answer = scope_by_brightness()
    outside, inside = make_guard(answer, scope=check).assess_many([grey(BRIGHT), grey(DARK)], DEFAULT)
    assert outside.review is not None
    assert outside.rating is Rating.Review
    assert outside.review.scope_distance == pytest.approx(0.953, abs=1e-3)
    assert inside.rating is Rating.Safe


def test_a_guard_with_a_scope_check_and_no_features_judges_nothing() -> None:
    check, _ = scope_by_brightness()
    verdict = make_guard(by_brightness, scope=check).assess(grey(DARK), DEFAULT)
    assert verdict.status is Status.error
    with pytest.raises(UsageError, match="go together"):
        Guard(FakeEngine(by_brightness), make_guard().profile, make_guard().model, RULE, scope=check)


def test_a_policy_with_words_never_met_is_review_whatever_the_image() -> None:
    guard = make_guard(unknown=("zeppelins",))
    policy = DEFAULT.add_rule("O6", "zeppelins", "should_not")
    coverage = guard.coverage(policy)
    assert (coverage.not_covered, coverage.unknown_words["O6"]) == (("O6",), ("zeppelins",))
    for verdict in guard.assess_many([grey(BRIGHT), grey(DARK)], policy):
        assert verdict.rating is Rating.Review
        assert verdict.notes == ("policy_words_unknown",)
    assert guard.assess(grey(DARK), DEFAULT).rating is Rating.Safe
    assert guard.coverage(DEFAULT).not_covered == ()


def test_a_rationale_that_was_cut_is_noted() -> None:
    def cut(prompt: Prompt) -> RawAnswer:
        good = by_brightness(prompt)
        return RawAnswer(scores=good.scores, written=good.written, cut=True)

    assert make_guard(cut).assess(grey(DARK), DEFAULT, explain=True).notes == ("rationale_cut",)


def test_the_same_images_give_the_same_verdicts() -> None:
    guard = make_guard()
    images = [grey(level) for level in range(0, 250, 10)]

    def judged() -> list[Verdict]:
        return [v.model_copy(update={"seconds": None}) for v in guard.assess_many(images, DEFAULT)]

    assert judged() == judged()


def test_every_category_has_a_score_whatever_the_rating() -> None:
    weights = {DEFAULT.labels[1]: 3.0, DEFAULT.labels[5]: 1.0}
    guard = make_guard(lambda prompt: raw_answer(prompt, brightness(prompt), weights))
    requests = [Request(grey(BRIGHT), DEFAULT), Request(grey(DARK), DEFAULT), Request(b"none", DEFAULT)]
    unsafe, safe, broken = guard.score_requests(requests)
    assert (unsafe.verdict.rating, safe.verdict.rating, broken.verdict.rating) == (Rating.Unsafe, Rating.Safe, None)
    for scored, level in ((unsafe, BRIGHT), (safe, DARK)):
        assert scored.category_scores["O2"] == pytest.approx(0.75 * level / 255)
        assert scored.category_scores["O6"] == pytest.approx(0.25 * level / 255)
    assert broken.category_scores == {}
