"""The guard that ships explains the labels of scenes, on its real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import eyeward
from eyeward.data.folder import SampleFolder
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.origin import Obstacle
from eyeward.data.rationales.teacher import Explanandum, Teacher
from eyeward.data.rationales.writing import Rationales
from eyeward.data.sample import Split
from eyeward.guard import Guard
from eyeward.policy import Stance
from eyeward.scenes.labels import label, write_scenes
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.verdict import NA, Rating
from tests.data.rationales.classroom import DEFAULT

SCENES = [sample_scene(number, "validation") for number in range(40)]


@pytest.fixture(scope="module")
def mini() -> Iterator[Guard]:
    yield eyeward.load_guard("mini", dtype="float32")


def test_given_the_label_that_it_would_write_it_writes_the_same_reason(mini: Guard) -> None:
    pictures = [paint(graph) for graph in SCENES[:12]]
    verdicts = list(mini.in_parity_mode().assess_many(pictures, DEFAULT, explain=True))
    wanted = []
    for graph, picture, verdict in zip(SCENES, pictures, verdicts, strict=False):
        of = label(graph, "a.png", Split.VALIDATION, DEFAULT)
        of = of.model_copy(update={"rating": verdict.rating, "category": verdict.category})
        wanted.append(Explanandum(of, DEFAULT, False, (picture,)))
    said = list(Teacher(mini).explain(wanted, Guidance.plain))
    assert [each.text for each in said] == [verdict.rationale for verdict in verdicts]


def test_given_the_other_label_it_writes_another_reason(mini: Guard) -> None:
    graph = next(g for g in SCENES if label(g, "a.png", Split.VALIDATION, DEFAULT).rating is Rating.Unsafe)
    unsafe = label(graph, "a.png", Split.VALIDATION, DEFAULT)
    safe = unsafe.model_copy(update={"rating": Rating.Safe, "category": NA})
    picture = paint(graph)
    first, second = Teacher(mini).explain(
        [Explanandum(each, DEFAULT, False, (picture,)) for each in (unsafe, safe)], Guidance.plain
    )
    assert first.text != second.text
    assert second.text.endswith("No category applies.")


def test_it_begins_as_it_is_told_and_is_not_told_what_it_cannot_read(mini: Guard) -> None:
    wanted = [
        Explanandum(label(graph, "a.png", Split.VALIDATION, DEFAULT), DEFAULT, False, (paint(graph),))
        for graph in SCENES[:4]
    ]
    one = Teacher(mini)
    assert one.understands(Guidance.opened, wanted[0])
    assert not one.understands(Guidance.instructed, wanted[0])
    plain, opened = (list(one.explain(wanted, way)) for way in (Guidance.plain, Guidance.opened))
    assert [each.text for each in plain] == [each.text for each in opened]
    assert all(each.text.startswith("The image shows ") for each in opened)


def test_a_photograph_like_picture_is_out_of_its_scope(mini: Guard) -> None:
    noise = Image.effect_noise((224, 224), 90).convert("RGB")
    of = label(SCENES[0], "a.png", Split.VALIDATION, DEFAULT)
    (said,) = Teacher(mini).explain([Explanandum(of, DEFAULT, False, (noise,))], Guidance.plain)
    assert (said.text, said.obstacle) == ("", Obstacle.out_of_scope)


def test_it_explains_a_folder_of_scenes_and_its_exceptions(mini: Guard, tmp_path: Path) -> None:
    write_scenes(tmp_path / "in", 24, 3, size=224)
    lines = (tmp_path / "in" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    samples = [each.model_copy(update={"rationale": None}) for each in SampleFolder(tmp_path / "in")]
    changed = []
    for each in samples:
        id = each.category.partition(":")[0]
        if each.rating is Rating.Unsafe:
            policy = DEFAULT.with_stance(Stance.non_violating, id)
            changed.append(each.model_copy(update={"rating": Rating.Safe, "policy": policy, "severity": None}))
    text = "".join(f"{each.to_json()}\n" for each in (*samples, *changed))
    (tmp_path / "in" / "labels.jsonl").write_text(text, encoding="utf-8")
    report = Rationales(tmp_path / "in", tmp_path / "out", [mini]).run()
    found = list(SampleFolder(tmp_path / "out"))
    assert len(lines) == 24 and len(changed) > 4
    assert report.samples == len(found) == 24 + len(changed)
    assert report.written["teacher"] > 0.85 * len(found)
    excepted = [each for each in found[24:] if each.rationale is not None]
    assert len(excepted) > 0.5 * len(changed)
    assert sum(item.rows for item in report.without) == sum(each.rationale is None for each in found)
    for each in excepted:
        id = each.category.partition(":")[0]
        assert each.rationale is not None and f"Category {id} is declared as non-violating." in each.rationale
