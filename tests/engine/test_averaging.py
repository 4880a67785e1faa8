"""The mean over views: what it is the mean of, what is written then, and that failures stay failures."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from PIL import Image

from eyeward.engine.averaging import VIEWS, AveragingEngine, mean_answer
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.rating import Platt
from eyeward.guard.averaging import averaged
from eyeward.guard.card import EyewardCard
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.policy import Policy
from eyeward.verdict import Rating, Status
from tests.evaluate.worlds import guard
from tests.fakes import FakeEngine, by_brightness, failing, model_text, raw_answer, rule

POLICY = Policy.load("default")
FIRST, SECOND = POLICY.labels[:2]


def prompt(explain: bool = False, parity: bool = False, picture: Image.Image | None = None) -> Prompt:
    profile = LlavaGuardProfile(EyewardCard(name="t"), model_text())
    shown = picture or Image.new("RGB", (40, 40), (200, 200, 200))
    return profile.prompt(profile.question(POLICY), shown, explain, None if parity else rule())


def test_each_view_is_asked_once_and_the_words_come_from_the_picture_itself() -> None:
    engine = FakeEngine(by_brightness)
    (answer,) = AveragingEngine(engine).judge([prompt(explain=True)])
    (asked,) = engine.calls
    assert [each.explain for each in asked] == [True, False, False, False, False]
    assert len(asked) == len(VIEWS) and asked[0].images[0].size == (40, 40)
    assert answer.written == {"rating": "Unsafe", "category": FIRST, "rationale": "Because."}


def test_every_view_is_a_picture_that_shows_nearly_the_same() -> None:
    picture = Image.new("RGB", (100, 60), (250, 250, 250))
    picture.paste((20, 20, 20), (0, 0, 50, 60))
    sizes = [view(picture).size for view in VIEWS]
    assert sizes == [(100, 60), (100, 60), (100, 60), (100, 60), (90, 54)]
    dark = [view(picture).convert("L").histogram()[:60] for view in VIEWS]
    assert [sum(counts) > 0.4 * w * h for counts, (w, h) in zip(dark, sizes, strict=True)] == [True] * 5
    assert VIEWS[1](picture).getpixel((99, 0)) == (20, 20, 20)


def test_probabilities_are_means_and_the_rating_follows_the_rule() -> None:
    asked = prompt()
    answers = [raw_answer(asked, p) for p in (0.9, 0.2, 0.1)]
    mean = mean_answer(asked, answers)
    assert math.exp(mean.scores_of("rating")["Unsafe"]) == pytest.approx(0.4)
    assert mean.written["rating"] == "Safe" and mean.written["category"].startswith("NA")
    low = Prompt(asked.segments, asked.images, asked.form, rating_rule=rule(threshold=0.3))
    assert mean_answer(low, answers).written == {"rating": "Unsafe", "category": FIRST}


def test_categories_are_weighed_by_how_likely_their_rating_was() -> None:
    asked = prompt()
    answers = [raw_answer(asked, 0.9, {FIRST: 1.0}), raw_answer(asked, 0.3, {SECOND: 1.0})]
    likely = mean_answer(asked, answers).scores_of("category", rating="Unsafe")
    assert math.exp(likely[FIRST]) == pytest.approx(0.75)
    assert math.exp(likely[SECOND]) == pytest.approx(0.25)
    assert sum(math.exp(log) for log in likely.values()) == pytest.approx(1.0)


def test_the_calibration_of_the_likeliest_category_counts() -> None:
    asked = prompt()
    calibrated = rule(O2=Platt(scale=1.0, shift=-20.0)).model_copy(update={"category_slot": "category"})
    decided = Prompt(asked.segments, asked.images, asked.form, rating_rule=calibrated)
    assert mean_answer(decided, [raw_answer(asked, 0.9, {FIRST: 1.0})] * 2).written["rating"] == "Unsafe"
    assert mean_answer(decided, [raw_answer(asked, 0.9, {SECOND: 1.0})] * 2).written["rating"] == "Safe"


def test_without_a_rule_the_likelier_label_is_written() -> None:
    asked = prompt(parity=True)
    assert mean_answer(asked, [raw_answer(asked, p) for p in (0.9, 0.3)]).written["rating"] == "Unsafe"
    assert mean_answer(asked, [raw_answer(asked, p) for p in (0.9, 0.05)]).written["rating"] == "Safe"


def test_a_rationale_for_another_rating_is_dropped() -> None:
    asked = prompt(explain=True)
    answers = [raw_answer(asked, 0.9), raw_answer(asked, 0.0), raw_answer(asked, 0.0)]
    mean = mean_answer(asked, answers)
    assert mean.written["rating"] == "Safe" and "rationale" not in mean.written and mean.text == ""


def test_one_view_that_fails_fails_the_image() -> None:
    def answer(asked: Prompt) -> RawAnswer:
        fails = asked.images[0].size != (40, 40)
        return failing("No memory.")(asked) if fails else by_brightness(asked)

    answers = list(AveragingEngine(FakeEngine(answer)).judge([prompt(), prompt()]))
    assert [each.error.message if each.error else None for each in answers] == ["No memory."] * 2


def test_features_are_those_of_the_picture_itself() -> None:
    asked = prompt()
    answers = [raw_answer(asked, 0.9, features=(1.0, 2.0)), raw_answer(asked, 0.9, features=(5.0, 6.0))]
    assert mean_answer(asked, answers).features == (1.0, 2.0)


def test_without_views_there_is_nothing_to_look_at() -> None:
    with pytest.raises(ValueError, match="without a view"):
        AveragingEngine(FakeEngine(by_brightness), ())


def test_a_guard_that_looks_several_times_says_so_and_rates_by_the_mean() -> None:
    def fooled(asked: Prompt) -> RawAnswer:
        return raw_answer(asked, 0.0 if asked.images[0].size == (40, 40) else 1.0)

    def shrunk(picture: Image.Image) -> Image.Image:
        return picture.resize((20, 20))

    views: tuple[Callable[[Image.Image], Image.Image], ...] = (VIEWS[0], shrunk, shrunk)
    own = guard(fooled)
    steady = averaged(own, views)
    picture = Image.new("RGB", (40, 40))
    assert own.assess(picture, POLICY).rating is Rating.Safe
    verdict = steady.assess(picture, POLICY, explain=False)
    assert (verdict.status, verdict.rating) == (Status.ok, Rating.Unsafe)
    assert verdict.p_unsafe_raw == pytest.approx(2 / 3)
    assert verdict.model.engine == "fake(mean of 3 views)"
    assert steady.with_threshold(0.9).assess(picture, POLICY).rating is Rating.Safe
