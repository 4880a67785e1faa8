from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from eyeward.data.changes import StanceChanged, worded
from eyeward.data.sample import Sample, Split
from eyeward.errors import UsageError
from eyeward.policy.schema import Policy, Stance
from eyeward.policy.wording import EYEWARD
from eyeward.scenes.facts import Context
from eyeward.scenes.graph import Style
from eyeward.scenes.labels import graph_of, label, read_labels, write_scenes
from eyeward.scenes.probes import own_sensitive
from eyeward.scenes.reserve import split_of_seed
from eyeward.scenes.truth import decide
from eyeward.scenes.variation import vary_policy
from eyeward.verdict import Rating
from tests.scenes.worlds import DEFAULT, scene

KEYS = [
    *("image", "category", "categories", "rating", "severity", "rationale", "decided_by", "scene", "split"),
    *("annotator", "source", "licence", "group", "policy", "changes", "rationale_from"),
]


def test_a_label_has_the_keys_of_the_design_in_order() -> None:
    line = json.loads(label(scene("firearm"), "images/a.png", Split.TEST, DEFAULT).to_json())
    assert list(line) == KEYS
    assert line["rating"] == "Unsafe"
    assert line["decided_by"] == "firearms, bombs or grenades"
    assert line["policy"] is None


@pytest.mark.parametrize(
    ("motif", "policy", "words"),
    [
        ("firearm", DEFAULT.sensitive("O6"), "sensitive"),
        ("firearm", DEFAULT.non_violating("O6"), "non_violating"),
        ("firearm", DEFAULT.remove_rule("O6", "firearms, bombs or grenades"), "no_rule"),
        ("vehicle", DEFAULT, "none_applies"),
    ],
)
def test_decided_by_is_a_stance_or_a_plain_word_where_no_rule_decides(motif: str, policy: Policy, words: str) -> None:
    assert label(scene(motif), "a.png", Split.TEST, policy).decided_by == words


def test_a_label_under_a_varied_policy_carries_it_with_its_changes() -> None:
    graph = scene("kitchen_knife", Context.NONE)
    varied = own_sensitive(graph, DEFAULT, random.Random(1))
    written = Sample.model_validate_json(label(graph, "a.png", Split.TEST, DEFAULT, varied).to_json())
    assert written.rating is Rating.Unsafe
    assert written.policy == varied.policy
    assert written.changes == (StanceChanged(category="O6", to=Stance.sensitive),)
    assert graph_of(written) == graph


def test_every_change_of_a_varied_policy_is_recorded_and_its_wording_comes_back() -> None:
    graph = scene("kitchen_knife", Context.NONE)
    for seed in range(200):
        varied = vary_policy(random.Random(seed), DEFAULT)
        read = Sample.model_validate_json(label(graph, "a.png", Split.TRAIN, DEFAULT, varied).to_json())
        assert len(read.changes) == len(varied.changes)
        assert EYEWARD.reworded(worded(DEFAULT, read.changes).wording) == varied.wording
        assert (read.policy or DEFAULT) == varied.policy  # the default is the one that is not named


def test_unknown_keys_in_a_label_are_refused() -> None:
    line = json.loads(label(scene("firearm"), "a.png", Split.TEST, DEFAULT).to_json())
    with pytest.raises(ValidationError, match="extra"):
        Sample.model_validate({**line, "note": "x"})


def test_written_scenes_are_read_back_with_their_truth(tmp_path: Path) -> None:
    written = write_scenes(tmp_path / "scenes", 12, 5, split=Split.TEST, size=48)
    read = list(read_labels(tmp_path / "scenes"))
    assert tuple(item for item, _ in read) == written
    for item, image in read:
        assert image.size == (48, 48)
        assert item.rating is decide(graph_of(item), DEFAULT).rating
        assert split_of_seed(graph_of(item).seed) is item.split is Split.TEST
    assert len({item.group for item in written}) == 12


def test_both_styles_of_a_scene_are_one_group_and_two_pictures(tmp_path: Path) -> None:
    flat = write_scenes(tmp_path / "flat", 3, 5, size=48)
    ink = write_scenes(tmp_path / "ink", 3, 5, style=Style.INK, size=48)
    assert [item.group for item in flat] == [item.group for item in ink]
    for item in flat:
        assert (tmp_path / "flat" / item.image).read_bytes() != (tmp_path / "ink" / item.image).read_bytes()


def test_neighbouring_seeds_share_no_scene(tmp_path: Path) -> None:
    first = write_scenes(tmp_path / "a", 5, 1, size=32)
    second = write_scenes(tmp_path / "b", 5, 2, size=32)
    assert not {item.group for item in first} & {item.group for item in second}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    with pytest.raises(UsageError, match="not empty"):
        write_scenes(tmp_path, 1, 1)
    with pytest.raises(UsageError, match="is a file"):
        write_scenes(tmp_path / "kept.txt", 1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
