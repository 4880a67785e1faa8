from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.data.sample import Split
from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_KEY, FACTS, Context, Side
from eyeward.scenes.motifs import MOTIFS
from eyeward.scenes.reserve import (
    combination_is_reserved,
    id_order,
    order_is_reserved,
    pair_is_reserved,
    reserved_pairs,
    seed_in,
    split_of_seed,
)

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "reserved_intersection.py"
IDS = tuple(CATEGORY_NAMES)


def test_about_a_tenth_of_the_pairs_is_reserved() -> None:
    pairs = len(MOTIFS) * (len(Context) - 1)
    assert 0.07 < len(reserved_pairs()) / pairs < 0.12
    assert all(context is not Context.NONE for _, context in reserved_pairs())


def test_every_motif_keeps_four_contexts_and_none_at_all() -> None:
    for motif in MOTIFS:
        assert not pair_is_reserved(motif.key, Context.NONE)
        assert sum(not pair_is_reserved(motif.key, context) for context in Context) >= 5


def test_every_context_rule_is_still_shown_in_training() -> None:
    for fact in FACTS:
        if fact.context is not None:
            lifted = [
                motif.key
                for motif in MOTIFS
                if motif.fact is not None
                and FACT_BY_KEY[motif.fact].category == fact.category
                and FACT_BY_KEY[motif.fact].side is Side.SHOULD_NOT
            ]
            assert any(not pair_is_reserved(motif, fact.context) for motif in lifted)


def test_the_counting_order_and_its_parts_are_never_reserved() -> None:
    for length in range(1, 10):
        assert not any(order_is_reserved(part) for part in itertools.combinations(IDS, length))


def test_about_a_tenth_of_the_other_orders_is_reserved() -> None:
    orders = list(itertools.permutations(IDS[:7]))
    assert 0.08 < sum(map(order_is_reserved, orders)) / len(orders) < 0.12


@pytest.mark.parametrize("count", range(2, 10))
def test_combinations_of_every_size_are_on_both_sides(count: int) -> None:
    combinations = [
        list(zip(ids, stances, strict=True))
        for ids in itertools.islice(itertools.combinations(IDS, count), 20)
        for stances in itertools.product(("non_violating", "sensitive"), repeat=count)
    ]
    share = sum(map(combination_is_reserved, combinations)) / len(combinations)
    assert 0.02 < share < 0.2


def test_single_stances_and_none_are_never_reserved() -> None:
    assert not combination_is_reserved([])
    assert not any(combination_is_reserved([(id, stance)]) for id in IDS for stance in ("non_violating", "sensitive"))


@given(st.permutations([("O1", "sensitive"), ("O4", "non_violating"), ("O9", "sensitive")]))
def test_a_combination_is_a_set(changes: list[tuple[str, str]]) -> None:
    assert combination_is_reserved(changes) is combination_is_reserved(sorted(changes))


@given(st.integers(min_value=0), st.sampled_from(Split))
def test_seeds_stay_in_the_space_of_their_split(seed: int, split: Split) -> None:
    assert split_of_seed(seed_in(split, seed, "scene")) is split
    assert seed_in(split, seed, "scene") != seed_in(split, seed, "policy")


def test_ids_are_ordered_as_people_count() -> None:
    assert sorted(["O10", "O2", "A", "O1"], key=id_order) == ["A", "O1", "O2", "O10"]


def test_the_intersection_script_finds_nothing_reserved_in_training(tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--count", "400", "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Reserved things seen in training: none." in done.stdout
    assert '"reserved_in_training": 0' in out.read_text(encoding="utf-8")


def test_the_intersection_script_fails_when_training_draws_what_is_reserved(tmp_path: Path) -> None:
    leaking = tmp_path / "leaking.py"
    leaking.write_text(
        "import runpy, sys\n"
        "from eyeward.scenes import variation\n"
        "variation.order_is_reserved = lambda ids: False\n"
        f"sys.argv = ['x', '--count', '200']\nrunpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, str(leaking)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "seen in training: orders" in done.stdout
