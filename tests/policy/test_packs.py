"""The packs speak the words that the drawn world knows."""

from __future__ import annotations

import pytest

from eyeward.policy import Policy, Stance
from eyeward.policy.loading import pack_names
from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_WORDING, FACTS, Side
from eyeward.scenes.truth import decide
from tests.policy.pack_pages import FOLDER, TABLE, table
from tests.scenes.worlds import every_scene


def test_default_is_exactly_the_first_wordings_of_the_facts() -> None:
    policy = Policy.load("default")
    assert policy.ids == tuple(CATEGORY_NAMES)
    for category in policy.categories:
        own = [fact for fact in FACTS if fact.category == category.id and not fact.extra]
        assert category.name == CATEGORY_NAMES[category.id][0]
        assert category.should_not == tuple(fact.wording for fact in own if fact.side is Side.SHOULD_NOT)
        assert category.can == tuple(fact.wording for fact in own if fact.side is Side.CAN)
        assert category.stance is Stance.enforced


def test_four_packs_ship_and_default_comes_first() -> None:
    assert pack_names() == ("default", "children", "medical", "news")


@pytest.mark.parametrize("name", pack_names())
def test_every_rule_of_a_pack_is_a_wording_of_a_fact_of_its_category(name: str) -> None:
    for category in Policy.load(name).categories:
        for rule in category.rules:
            assert FACT_BY_WORDING[rule].category == category.id
        assert category.name in CATEGORY_NAMES[category.id]


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_states_a_fact_once(name: str) -> None:
    for category in Policy.load(name).categories:
        facts = [FACT_BY_WORDING[rule].key for rule in category.rules]
        assert len(facts) == len(set(facts))


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_is_named_as_its_file_and_has_no_findings(name: str) -> None:
    policy = Policy.load(name)
    assert policy.name == name
    assert policy.lint() == ()


@pytest.mark.parametrize("name", pack_names())
def test_the_page_of_a_pack_says_which_verdicts_it_changes(name: str) -> None:
    found = TABLE.search((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == table(name), "run `python -m tests.policy.pack_pages` and read the difference"


@pytest.mark.parametrize("name", [name for name in pack_names() if name != "default"])
def test_in_the_drawn_world_exactly_the_verdicts_of_the_page_change(name: str) -> None:
    default, policy = Policy.load("default"), Policy.load(name)
    told = {tuple(line.split(" | ")[1:3]) for line in table(name).splitlines()[2:]}
    changed = set()
    for scene in every_scene():
        before, after = decide(scene, default), decide(scene, policy)
        if before.rating is not after.rating:
            rules = {before.decided_by.rule, after.decided_by.rule}
            verdict = f"{before.rating} → {after.rating}"
            told_rules = {(rule, verdict) for rule in rules if rule is not None} & told
            assert told_rules, f"{scene.motif} in {scene.context}: {verdict} by {rules}"
            changed |= told_rules
    assert changed == told
