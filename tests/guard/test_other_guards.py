"""Other guards as baselines, loaded by name: NudeNet for real on photographs, a moderation service on the loopback."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import eyeward
from eyeward.engine.nudenet import NudeNetEngine
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.remote.moderations import ModerationsEngine
from eyeward.engine.scored_labels import answer_of, scores_in
from eyeward.errors import ErrorType, SelfCheckFailed, UsageError
from eyeward.guard import Guard
from eyeward.guard.card import EyewardCard
from eyeward.guard.loading import rule_of
from eyeward.guard.other_guards import card_by_name
from eyeward.guard.profiles.scored_labels import ScoredLabelsProfile
from eyeward.policy import Policy
from eyeward.verdict import NA, ModelRef, Note, Rating, ReviewReason, Status
from tests.engine.remote.fake_service import FakeService, Response
from tests.engine.remote.moderation_answers import moderation
from tests.fakes import FakeEngine

DEFAULT = Policy.load("default")
NUDITY_ONLY = DEFAULT.only("O4")


def photograph(name: str) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = getattr(data, name)()
    return pixels


@pytest.fixture(scope="module")
def nudenet() -> Guard:
    return eyeward.load_guard("nudenet")


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
def test_nudenet_finds_no_nudity_in_photographs_of_other_things(nudenet: Guard, name: str) -> None:
    verdict = nudenet.assess(photograph(name), NUDITY_ONLY)
    assert (verdict.status, verdict.rating, verdict.category, verdict.review) == (Status.ok, Rating.Safe, NA, None)
    assert verdict.p_unsafe == 0.0
    assert (verdict.model.name, verdict.model.engine, verdict.threshold) == ("nudenet", "onnxruntime", 0.2)


def test_nudenet_under_a_policy_that_it_does_not_cover_rates_nothing_safe(nudenet: Guard) -> None:
    verdict = nudenet.assess(photograph("coffee"), DEFAULT)
    assert verdict.rating is Rating.Review
    assert verdict.review is not None
    assert verdict.review.reason is ReviewReason.out_of_scope
    assert Note.categories_not_covered.value in verdict.notes
    coverage = nudenet.coverage(DEFAULT)
    assert (coverage.covered, coverage.partly) == (("O4",), ("O3",))


def test_nudenet_really_looks_at_the_picture(nudenet: Guard) -> None:
    profile = ScoredLabelsProfile(EyewardCard(name="nudenet", profile="nudenet"))
    question = profile.question(DEFAULT)

    def scores(picture: NDArray[np.uint8]) -> dict[str, float]:
        prompt = profile.prompt(question, Image.fromarray(picture), False, None)
        (answer,) = NudeNetEngine().judge([prompt])
        return scores_in(question.form, answer)

    assert scores(photograph("astronaut"))["FACE_FEMALE"] > 0.5
    assert max(scores(photograph("coffee")).values()) == 0.0


def scored(guard: str, **scores: float) -> Guard:
    """Return a guard whose engine gives these scores, and none to the other labels."""
    card = EyewardCard(name=guard, profile=guard, threshold=0.5)

    def answer(prompt: Prompt) -> RawAnswer:
        return answer_of({slot.name: scores.get(slot.name, 0.0) for slot in prompt.form.label_slots})

    return Guard(FakeEngine(answer), ScoredLabelsProfile(card), ModelRef(name=guard, engine="fake"), rule_of(card))


def test_what_is_found_stands_though_not_everything_is_covered() -> None:
    verdict = scored("nudenet", BUTTOCKS_EXPOSED=0.8, FACE_MALE=0.9).assess(photograph("coffee"), DEFAULT)
    assert (verdict.rating, verdict.category) == (Rating.Unsafe, DEFAULT.category("O4").label)
    assert verdict.p_unsafe == pytest.approx(0.8)
    assert verdict.notes == ()
    assert verdict.category_probabilities["O4"] == pytest.approx(1.0)


def test_threshold_and_band_apply_to_scores() -> None:
    guard = scored("nudenet", BUTTOCKS_EXPOSED=0.4)
    image = photograph("coffee")
    assert guard.assess(image, NUDITY_ONLY).rating is Rating.Safe
    assert guard.with_threshold(0.3).assess(image, NUDITY_ONLY).rating is Rating.Unsafe
    assert guard.in_parity_mode().assess(image, NUDITY_ONLY).rating is Rating.Safe
    banded = guard.with_review_band(0.35, 0.45).assess(image, NUDITY_ONLY)
    assert banded.review is not None
    assert (banded.rating, banded.review.reason, banded.category) == (Rating.Review, ReviewReason.band, NA)


def test_scores_without_a_decision_are_rated_by_the_likelier_in_parity_mode() -> None:
    def answer(prompt: Prompt) -> RawAnswer:
        return replace(answer_of({slot.name: 0.9 for slot in prompt.form.label_slots}), written={})

    card = EyewardCard(name="nudenet", profile="nudenet")
    guard = Guard(FakeEngine(answer), ScoredLabelsProfile(card), ModelRef(name="nudenet", engine="fake"))
    assert guard.assess(photograph("coffee"), NUDITY_ONLY).rating is Rating.Unsafe


def test_an_exception_in_the_policy_is_followed() -> None:
    guard = scored("nudenet", BUTTOCKS_EXPOSED=0.8)
    verdict = guard.assess(photograph("coffee"), NUDITY_ONLY.non_violating("O4"))
    assert (verdict.rating, verdict.category, verdict.p_unsafe) == (
        Rating.Safe,
        DEFAULT.category("O4").label,
        0.0,
    )


def test_a_moderation_service_is_a_guard_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYEWARD_API_KEY", "the-key")
    with FakeService(lambda body, number: Response(moderation(("violence",)))) as service:
        guard = eyeward.load_guard(f"moderations:{service.address}#omni-moderation-latest")
        verdict = guard.assess(photograph("coffee"), DEFAULT)
        closed(guard)
    assert (verdict.rating, verdict.category) == (Rating.Unsafe, DEFAULT.category("O2").label)
    assert verdict.p_unsafe == pytest.approx(0.97)
    assert verdict.category_probabilities["O8"] > verdict.category_probabilities["O7"]
    assert (verdict.model.name, verdict.model.engine) == ("omni-moderation-latest", "remote:moderations")
    assert [authorization for _, _, authorization in service.requests] == ["Bearer the-key"] * 2
    assert service.requests[-1][1]["model"] == "omni-moderation-latest"


def deciding(**flags: tuple[float, bool]) -> dict[str, Any]:
    """Return a response with scores of these labels, and what the service decides about each."""
    answer = moderation()
    result = answer["results"][0]
    result["category_scores"] |= {label: score for label, (score, _) in flags.items()}
    result["categories"] |= {label: flagged for label, (_, flagged) in flags.items()}
    return answer | {"results": [result | {"flagged": any(result["categories"].values())}]}


@pytest.mark.parametrize(
    ("answer", "policy", "rating", "by_threshold"),
    [
        (deciding(violence=(0.3, True)), DEFAULT, Rating.Unsafe, Rating.Review),
        (deciding(violence=(0.7, False)), DEFAULT.only("O2"), Rating.Safe, Rating.Unsafe),
        (deciding(violence=(0.7, False)), DEFAULT, Rating.Review, Rating.Unsafe),
        (deciding(violence=(0.9, True)), DEFAULT.only("O2").non_violating("O2"), Rating.Safe, Rating.Safe),
    ],
)
def test_the_service_itself_decides_unless_a_threshold_is_wanted(
    answer: dict[str, Any], policy: Policy, rating: Rating, by_threshold: Rating
) -> None:
    with FakeService(lambda body, number: Response(answer)) as service:
        guard = eyeward.load_guard(f"moderations:{service.address}#omni")
        own = guard.assess(photograph("coffee"), policy)
        ours = guard.with_threshold(0.5).assess(photograph("coffee"), policy)
        closed(guard)
    assert (own.rating, own.threshold) == (rating, None)
    assert (ours.rating, ours.threshold) == (by_threshold, 0.5)
    assert own.p_unsafe == ours.p_unsafe
    with pytest.raises(UsageError, match="neither threshold nor review band"):
        guard.in_parity_mode().with_threshold(0.5)


def test_a_moderation_service_that_finds_nothing_says_safe_only_of_what_it_covers() -> None:
    with FakeService(lambda body, number: Response(moderation())) as service:
        guard = eyeward.load_guard(f"moderations:{service.address}#omni")
        whole = guard.assess(photograph("coffee"), DEFAULT)
        covered = guard.assess(photograph("coffee"), DEFAULT.only(*guard.coverage(DEFAULT).covered))
        closed(guard)
    assert (whole.rating, covered.rating) == (Rating.Review, Rating.Safe)


def test_a_service_that_looks_at_no_image_is_refused_at_once_and_never_safe_later() -> None:
    blind = moderation(category_applied_input_types={})
    with FakeService(lambda body, number: Response(blind)) as service:
        name = f"moderations:{service.address}#text-moderation-latest"
        with pytest.raises(SelfCheckFailed, match="did not look for self-harm"):
            eyeward.load_guard(name)
        guard = eyeward.load_guard(name, self_check="off")
        verdict = guard.assess(photograph("coffee"), DEFAULT.only("O2"))
        closed(guard)
    assert verdict.error is not None
    assert (verdict.rating, verdict.error.type) == (None, ErrorType.unparsable_answer)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("moderations:https://127.0.0.1:1/v1", {}, "Name the model"),
        ("nudenet:https://127.0.0.1:1/v1#x", {}, "load it as 'nudenet'"),
        ("no_such:https://127.0.0.1:1/v1#x", {}, "no profile 'no_such'"),
        ("nudenet", {"device": "cpu"}, "leave engine, device"),
        ("moderations:https://127.0.0.1:1/v1#x", {"max_tiles": 4}, "leave engine, device"),
    ],
)
def test_names_that_make_no_guard_are_refused(name: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        eyeward.load_guard(name, **options)  # type: ignore[arg-type]


def test_published_guards_of_others_are_known_by_their_names() -> None:
    names = ["meta-llama/Llama-Guard-3-11B-Vision", "meta-llama/Llama-Guard-4-12B", "google/shieldgemma-2-4b-it"]
    cards = [card_by_name(name) for name in names]
    assert [card and card.profile for card in cards] == ["llama_guard", "llama_guard", "shieldgemma2"]
    assert card_by_name("meta-llama/Llama-Guard-3-8B") is None


def closed(guard: Guard) -> None:
    assert isinstance(guard.engine, ModerationsEngine)
    guard.engine.close()
