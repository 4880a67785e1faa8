from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from eyeward.data.exporting.card import licence_fields
from eyeward.data.exporting.export import Form
from eyeward.data.sample import Sample, Split
from eyeward.policy import Policy
from eyeward.publish.card import read_card
from eyeward.verdict import NA, Rating
from tests.data.exporting.exports import augmented_scenes, exported, labelled


def sample(number: int, **fields: object) -> Sample:
    given = {"image": f"{number}.png", "group": f"g{number}", "category": NA, "rating": Rating.Safe}
    return Sample.model_validate({**given, "split": Split.TRAIN, "licence": "MIT", **fields})


def card(out: Path) -> tuple[dict[str, Any], str]:
    _, front, body = (out / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_front_matter_names_licence_sides_and_sizes(tmp_path: Path) -> None:
    data = augmented_scenes(tmp_path)
    done = exported(data, tmp_path / "out", Form.parquet)
    front, _ = card(tmp_path / "out")
    assert front["license"] == "apache-2.0"
    assert front["size_categories"] == ["n<1K"]
    assert front["pretty_name"] == "scenes"
    splits = {entry["name"]: entry["num_examples"] for entry in front["dataset_info"]["splits"]}
    assert splits == {side: size.samples for side, size in done.sides.items()}
    assert list(splits) == list(Split)
    paths = {entry["split"]: entry["path"] for entry in front["configs"][0]["data_files"]}
    assert paths == {side: f"data/{side}-*" for side in done.sides}
    assert read_card(tmp_path / "out", {"README.md"})[1] == ()


def test_the_text_counts_what_is_in_it(tmp_path: Path) -> None:
    data = augmented_scenes(tmp_path)
    exported(data, tmp_path / "out", Form.parquet)
    body = card(tmp_path / "out")[1]
    items = list(data)
    augmented = sum(item.augmented for item in items)
    assert f"{len(items)} labelled samples of {len({item.image for item in items})} images" in body
    assert f"**{augmented} of {len(items)} samples are augmented**" in body
    assert "stance changed" in body
    assert "![Samples by category and severity](categories.svg)" in body
    assert (tmp_path / "out" / "categories.svg").is_file()
    assert "Some images show what the categories name" in body
    for side in Split:
        there = [item for item in items if item.split is side]
        unsafe = sum(item.rating is Rating.Unsafe for item in there)
        assert f"| {side} | {len(there) - unsafe} | {unsafe} | {len(there)} |" in body
    for policy in {data.policy_of(item).hash for item in items if not item.augmented}:
        assert f"`{policy[:12]}`" in body
    assert f"| licence: Apache-2.0 | {len(items)} |" in body
    assert f"| source: drawn by eyeward.scenes | {len(items)} |" in body


def test_many_policies_are_summed_up_and_stances_named(tmp_path: Path) -> None:
    base = Policy.load("default")
    changed = [base.with_stance(stance, id) for id in base.ids for stance in ("sensitive", "non_violating")]
    changed += [Policy.load("children"), Policy.load("news"), Policy.load("medical")]
    data = labelled(tmp_path / "in", [sample(number, policy=policy) for number, policy in enumerate(changed)])
    exported(data, tmp_path / "out", Form.parquet)
    body = card(tmp_path / "out")[1]
    assert "O6 non-violating" in body
    assert "| 9 more | | | | 9 |" in body


def test_an_unknown_licence_is_named_and_counted(tmp_path: Path) -> None:
    data = labelled(tmp_path / "in", [sample(0), sample(1, licence=None), sample(2, licence=None)])
    exported(data, tmp_path / "out", Form.parquet)
    front, body = card(tmp_path / "out")
    assert front["license"] == "unknown"
    assert "**The licence of 2 samples is not stated.**" in body
    assert "| licence: unknown | 2 |" in body


@pytest.mark.parametrize(
    ("licences", "fields"),
    [
        ({"Apache-2.0": 3, "apache 2.0": 1}, {"license": "apache-2.0"}),
        ({"MIT": 3, "CC BY 4.0": 1}, {"license": ["cc-by-4.0", "mit"]}),
        ({"MIT": 3, "unknown": 1}, {"license": "unknown"}),
        ({"MIT": 3, "somebody's own": 1}, {"license": "other", "license_name": "stated-for-each-sample"}),
        ({}, {"license": "unknown"}),
    ],
)
def test_the_licence_of_the_whole_follows_from_its_parts(licences: dict[str, int], fields: dict[str, object]) -> None:
    assert licence_fields(licences) == fields


def test_words_of_others_are_text_and_no_markdown(tmp_path: Path) -> None:
    odd = sample(0, source="a | b\n# c [d](e) <b>f</b> `g`", annotator="*h*")
    exported(labelled(tmp_path / "in", [odd]), tmp_path / "out", Form.parquet)
    body = card(tmp_path / "out")[1]
    assert "| source: a \\| b \\# c \\[d\\](e) \\<b\\>f\\</b\\> \\`g\\` | 1 |" in body
    assert "annotator: \\*h\\*" in body


@pytest.mark.parametrize(
    ("form", "words"),
    [(Form.llava, "--image_folder"), (Form.llama_factory, "dataset_dir"), (Form.ms_swift, "ROOT_IMAGE_DIR")],
)
def test_conversations_say_how_they_are_worded_and_read(tmp_path: Path, form: Form, words: str) -> None:
    data = labelled(tmp_path / "in", [sample(0), sample(1, rationale="A dog.")])
    exported(data, tmp_path / "out", form, "published-2025")
    front, body = card(tmp_path / "out")
    assert words in body
    assert "Worded as the guard `published-2025` is asked" in body
    assert "1 answers have no rationale" in body
    assert "dataset_info" not in front
    assert front["configs"][0]["data_files"][0]["path"].startswith("train.json")


def test_what_was_left_out_is_on_the_card(tmp_path: Path) -> None:
    data = labelled(tmp_path / "in", [sample(0), sample(1)])
    (tmp_path / "in" / "1.png").unlink()
    exported(data, tmp_path / "out", Form.parquet)
    assert "Left out of this export, by reason: not\\_found 1." in card(tmp_path / "out")[1]
    assert "No sample is augmented" in card(tmp_path / "out")[1]
