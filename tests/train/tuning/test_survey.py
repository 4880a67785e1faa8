"""What cannot be a lesson is named and counted before anything is learnt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from eyeward.data.sample import Split
from eyeward.engine.local.checkpoint import load_checkpoint, load_skeleton
from eyeward.errors import UsageError
from eyeward.guard.card import EyewardCard, Vocabulary
from eyeward.guard.loading import packaged_guards
from eyeward.policy import Policy
from eyeward.train.tuning.lessons import Teaching
from eyeward.train.tuning.recipe import Method, Recipe
from eyeward.train.tuning.survey import Unfit, balanced, chosen, survey
from tests.engine.local.tiny import make_checkpoint
from tests.train.tuning.small import O6, data, recipe, sample, write_data


def test_every_sample_is_a_lesson_or_named_with_a_reason(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    long = Policy.load("default")
    rows = [
        sample(0, True),
        sample(1, True),
        sample(2, True, category="O3: Sexual Content"),
        sample(3, False),
        sample(4, False, rationale="word " * 3000),
        sample(5, False, policy=long.model_dump()),
    ]
    folder = write_data(tmp_path / "set", rows, 6)
    (folder.path / "images/1.png").write_bytes(b"\x89PNG")
    checkpoint = load_checkpoint(tmp_path / "base")
    made = recipe(tmp_path / "base", folder)
    found = survey(Teaching(checkpoint, made.card(None)), folder, rows, 4096)
    kept = [item.image for item in found.samples]
    assert kept[:2] == ["images/0.png", "images/3.png"]
    assert found.reasons[Unfit.unreadable_image] == 1
    assert found.reasons[Unfit.policy_does_not_fit] == 1
    assert found.reasons[Unfit.too_long] >= 1
    assert len(found.samples) + len(found.discarded) == len(rows)
    assert len(found.tokens) == len(found.answers) == len(found.samples)
    found.write_discarded(tmp_path / "discarded.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "discarded.jsonl").read_text().splitlines()]
    assert {line["reason"] for line in lines} == set(found.reasons)
    assert all("images/" in line["message"] for line in lines)


def test_an_image_of_several_pictures_is_a_lesson_only_where_all_of_them_show_nothing(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    rows = [
        sample(number, unsafe, image=f"images/{name}")
        for number, (name, unsafe) in enumerate(
            [("moving.gif", True), ("moving.gif", False), ("still.gif", True), ("see-through.png", True)]
        )
    ]
    rows.append(sample(4, False, image="images/moving.gif", category=O6))
    folder = write_data(tmp_path / "set", rows, 0)
    images = folder.path / "images"
    innocent, guilty = Image.new("RGB", (60, 40), "white"), Image.new("RGB", (60, 40), "red")
    innocent.save(images / "moving.gif", save_all=True, append_images=[guilty], duration=100)
    innocent.save(images / "still.gif")
    Image.new("RGBA", (60, 40), (255, 255, 255, 100)).save(images / "see-through.png")
    made = recipe(tmp_path / "base", folder)
    found = survey(Teaching(load_checkpoint(tmp_path / "base"), made.card(None)), folder, rows, 4096)
    assert [(item.image, item.rating.value) for item in found.samples] == [
        ("images/moving.gif", "Safe"),
        ("images/still.gif", "Unsafe"),
    ]
    assert found.reasons == {Unfit.several_pictures: 3}
    assert found.discarded[0][1].startswith(
        "images/moving.gif: the guard sees 2 pictures of it, and a lesson holds the"
    )


def test_lengths_are_those_of_the_lessons(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")
    checkpoint = load_checkpoint(tmp_path / "base")
    teach = Teaching(checkpoint, recipe(tmp_path / "base", folder).card(None))
    found = survey(teach, folder, list(folder), 4096)
    for item, tokens, answer in zip(found.samples, found.tokens, found.answers, strict=True):
        lesson = teach.lesson(folder, item)
        assert (len(lesson.tokens), len(lesson.tokens) - lesson.answer) == (tokens, answer)


def test_a_skeleton_counts_as_the_whole_checkpoint_does(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")
    whole, bare = load_checkpoint(tmp_path / "base"), load_skeleton(tmp_path / "base")
    assert bare.model.device.type == "meta"
    sizes = [sum(p.numel() for p in made.model.parameters()) for made in (whole, bare)]
    assert sizes[0] == sizes[1]
    card = recipe(tmp_path / "base", folder).card(None)
    lengths = [survey(Teaching(made, card), folder, list(folder), 4096).tokens.tolist() for made in (whole, bare)]
    assert lengths[0] == lengths[1]


def test_samples_without_a_side_are_for_training(tmp_path: Path) -> None:
    rows = [sample(0, True, split=None), sample(1, True, Split.VALIDATION), sample(2, False, Split.TEST)]
    folder = write_data(tmp_path / "set", rows, 3)
    assert [item.image for item in chosen(folder, Split.TRAIN)] == ["images/0.png"]
    assert [item.image for item in chosen(folder, Split.VALIDATION)] == ["images/1.png"]


def test_balance_repeats_the_rarer_rating_and_no_other() -> None:
    rows = [sample(n, n in (2, 5)) for n in range(7)]
    numbers = balanced(rows)
    assert sorted(set(numbers)) == list(range(7))
    assert sum(rows[n].rating.value == "Unsafe" for n in numbers) == 5 == len(numbers) / 2
    with pytest.raises(UsageError, match="none that is Unsafe"):
        balanced([sample(0, False)])


def test_policies_in_words_that_the_base_has_never_met_are_no_lessons(tmp_path: Path) -> None:
    base = packaged_guards()["mini-base"]
    known, unknown = Policy.load("default").only("O1", "O6"), Policy.load("default").only("O1").rename("O1", "Zyzzyva")
    rows = [sample(0, True), sample(1, False, policy=unknown.model_dump())]
    folder = write_data(tmp_path / "set", rows, 2)
    card = Recipe(name="a", method=Method.full, base="mini-base").card(EyewardCard.read(base))
    assert card.vocabulary is Vocabulary.met_in_training
    found = survey(Teaching(load_skeleton(base), card), folder, rows, 4096)
    assert [item.policy_hash for item in found.samples] == [known.hash]
    ((reason, message),) = found.discarded
    assert reason is Unfit.unknown_words
    assert "images/1.png" in message and "Zyzzyva" in message
