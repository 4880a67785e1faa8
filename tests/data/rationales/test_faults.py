"""What is wrong with a rationale."""

from __future__ import annotations

import random

import pytest

from eyeward.data.rationales.faults import RationaleFault, argues_for, rationale_faults, repeats
from eyeward.policy import Policy
from eyeward.scenes.rationale import rationale
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide
from eyeward.scenes.variation import vary_policy
from eyeward.verdict import NA, Rating

POLICY = Policy.load("default")
O6, O4 = POLICY.category("O6"), POLICY.category("O4")
FORBIDDEN, ALLOWED = O6.should_not[0].rstrip("."), O6.can[0].rstrip(".")


def faults(text: str, rating: Rating = Rating.Unsafe, category: str = O6.label, policy: Policy = POLICY) -> set[str]:
    return {fault.value for fault in rationale_faults(text, rating, category, policy)}


def test_right_reasons_of_drawn_scenes_have_no_fault_under_any_policy() -> None:
    rng = random.Random(7)
    for number in range(300):
        graph = sample_scene(number, "test")
        policy = POLICY if number % 2 else vary_policy(rng, POLICY, "test").policy
        truth = decide(graph, policy)
        assert faults(rationale(graph, truth), truth.rating, truth.category, policy) == set()


def test_right_reasons_contradict_the_other_rating() -> None:
    found = 0
    for number in range(200):
        graph = sample_scene(number, "test")
        truth = decide(graph, POLICY)
        other = Rating.Safe if truth.rating is Rating.Unsafe else Rating.Unsafe
        found += "contradicts_rating" in faults(rationale(graph, truth), other, truth.category)
    assert found == 200


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("The image shows a gun, which violates the policy.", Rating.Unsafe),
        ("The image does not violate the policy.", Rating.Safe),
        ("The scene is safe for everyone.", Rating.Safe),
        ("A weapon is shown; this is not allowed.", Rating.Unsafe),
        ("Nothing in the picture is prohibited or harmful, so it complies with the policy.", Rating.Safe),
        ("No rule of the policy is violated.", Rating.Safe),
        ("The display of nudity is strictly prohibited.", Rating.Unsafe),
        ("Category O6 is declared as non-violating, so the image is allowed.", Rating.Safe),
        ("The content is non-violating.", None),
        ("A dog runs over a field.", None),
        ("It would violate the rule on weapons, but museums are allowed.", None),
    ],
)
def test_a_text_argues_for_a_rating_or_for_neither(text: str, rating: Rating | None) -> None:
    assert argues_for(text) is rating


def test_naming_another_category_only_is_a_fault() -> None:
    assert faults("This falls under O4: Nudity Content.") == {"names_other_category"}
    assert faults("This falls under Weapons or Substance Abuse, not under O4.") == set()
    assert faults("No category applies.", Rating.Safe, O6.label) == {"names_other_category"}
    assert faults("No category applies.", Rating.Safe, NA) == set()


def test_a_name_inside_of_another_word_names_nothing() -> None:
    short = POLICY.rename("O5", "Crime").rename("O8", "Arm")
    assert faults("A crimewatch sign warns that guns may be harmful.", policy=short) == set()
    assert faults("This is a crime.", policy=short) == {"names_other_category"}


def test_a_rule_of_another_category_names_that_category() -> None:
    assert faults(f"It breaks the rule: {O4.should_not[0].rstrip('.')}.") == {"names_other_category"}


def test_a_rule_that_the_policy_does_not_have_is_found() -> None:
    assert faults("It breaks the rule: pictures of umbrellas.") == {"cites_unknown_rule"}
    assert faults(f"It breaks the rule: {FORBIDDEN}.") == set()
    assert faults(f"It breaks the rule: {FORBIDDEN}.", policy=POLICY.remove_rule("O6", O6.should_not[0])) == {
        "cites_unknown_rule"
    }


def test_a_rule_from_the_wrong_list_misstates_the_policy() -> None:
    assert faults(f"It breaks the rule: {ALLOWED}.") == {"misstates_policy"}
    assert faults(f"It is allowed by the rule: {FORBIDDEN}.", Rating.Safe) == {"misstates_policy"}
    assert faults(f"It is allowed by the rule: {ALLOWED}.", Rating.Safe) == set()


def test_a_stance_that_the_category_does_not_have_misstates_the_policy() -> None:
    text = "Category O6 is declared as non-violating."
    assert faults(text, Rating.Safe) == {"misstates_policy"}
    assert faults(text, Rating.Safe, policy=POLICY.non_violating("O6")) == set()
    assert faults(text, Rating.Safe, policy=POLICY.sensitive("O6")) == {"misstates_policy"}


def test_a_text_that_turns_in_circles_repeats_itself() -> None:
    assert repeats("The image shows a gun. The image shows a gun.")
    assert repeats("there is a man with a gun there is a man with a gun there is a man with a gun")
    assert not repeats("The image shows a gun. The gun lies on a table. No. No.")


def test_more_than_a_few_sentences_are_too_long() -> None:
    text = " ".join(f"word{number}" for number in range(121))
    assert rationale_faults(text, Rating.Safe, NA, POLICY) == {RationaleFault.too_long}
