from __future__ import annotations

import json
from pathlib import Path

import pytest

from eyeward.data.changes import StanceChanged
from eyeward.data.importing.sources import Source
from eyeward.data.sample import Severity
from eyeward.policy import PUBLISHED_2024, PUBLISHED_2025, Policy, Stance, render
from eyeward.verdict import NA, Rating
from tests.data.drawn import write_picture
from tests.data.importing.imports import imported

DEFAULT = Policy.load("default")
WEAPONS = "O6: Weapons or Substance Abuse"
SAFE = '{"rating": "Safe", "category": "NA"}'


def conversation(answer: str, prompt: str = "", /, **fields: object) -> dict[str, object]:
    turns = [{"from": "human", "value": f"{prompt}\n<image>"}, {"from": "gpt", "value": answer}]
    return {"id": "1", "image": "a.png", "conversations": turns, **fields}


def write(folder: Path, *rows: dict[str, object]) -> Path:
    for number, row in enumerate(rows):
        if row.get("image") == "a.png":
            row["image"] = f"{number}.png"
        write_picture(folder / f"{number}.png", number)
    file = folder / "train.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        ({"rating": "Unsafe", "category": WEAPONS, "rationale": "A gun."}, {}),
        ({"decision": "Review Needed", "image-category": WEAPONS, "assessment": "A gun."}, {}),
        ({"rationale": "A gun."}, {"final-assessment": "Unsafe", "category": WEAPONS}),
        ({"rating": "Unsafe", "category": "O6", "rationale": "A gun."}, {"score": "Highly Unsafe"}),
    ],
)
def test_a_rating_is_read_under_all_its_historical_keys(
    tmp_path: Path, answer: dict[str, str], fields: dict[str, object]
) -> None:
    file = write(tmp_path, conversation(json.dumps(answer), **fields))
    (sample,) = imported(file, tmp_path / "out").samples
    assert (sample.rating, sample.category, sample.rationale) == (Rating.Unsafe, WEAPONS, "A gun.")
    assert sample.severity is (Severity.HIGHLY_UNSAFE if "score" in fields else None)
    assert sample.split == "train"


def test_compliant_is_safe_and_an_assessment_that_is_a_rating_is_one(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        conversation('{"decision": "Compliant", "category": "NA: None applying", "assessment": "A cat."}'),
        conversation('{"assessment": "Compliant", "category": "NA: None applying"}'),
    )
    samples = imported(file, tmp_path / "out").samples
    assert [(sample.rating, sample.category) for sample in samples] == [(Rating.Safe, NA)] * 2
    assert [sample.rationale for sample in samples] == ["A cat.", None]


@pytest.mark.parametrize("reply", ["```json\n{}\n```", "Sure: {}", "```{}```"])
def test_a_fence_and_leading_words_are_tolerated(tmp_path: Path, reply: str) -> None:
    (sample,) = imported(write(tmp_path, conversation(reply.replace("{}", SAFE))), tmp_path / "out").samples
    assert sample.rating is Rating.Safe


@pytest.mark.parametrize("reply", ["Unsafe", "unsafe {", '{"rating": "Safe"} or not', '["Safe"]', "{'rating': 'Safe'}"])
def test_a_reply_that_is_no_json_is_named_and_never_safe(tmp_path: Path, reply: str) -> None:
    done = imported(write(tmp_path, conversation(reply)), tmp_path / "out")
    assert done.samples == []
    assert done.reasons == {"unparsable_answer": 1}


@pytest.mark.parametrize("wording", [PUBLISHED_2024, PUBLISHED_2025])
def test_the_policy_is_read_out_of_the_prompt(tmp_path: Path, wording: object) -> None:
    assert wording in (PUBLISHED_2024, PUBLISHED_2025)
    words = PUBLISHED_2024 if wording == PUBLISHED_2024 else PUBLISHED_2025
    exempt = DEFAULT.non_violating("O6")
    answer = json.dumps({"rating": "Safe", "category": WEAPONS, "rationale": "Allowed."})
    file = write(
        tmp_path,
        conversation(answer, render(DEFAULT, words).text, id="7"),
        conversation(answer, render(exempt, words).text, id="7_v2", score="Highly Unsafe"),
    )
    done = imported(file, tmp_path / "out")
    plain, exception = done.samples
    assert plain.policy is None  # it says what the default policy says
    assert plain.changes == ()
    assert done.folder.policy_of(exception).category("O6").stance is Stance.non_violating
    assert exception.changes == (StanceChanged(category="O6", to=Stance.non_violating),)


def test_the_suffix_of_an_id_means_nothing(tmp_path: Path) -> None:
    answer = json.dumps({"rating": "Unsafe", "category": WEAPONS})
    prompt = render(DEFAULT, PUBLISHED_2025).text
    rows = [conversation(answer, prompt, id=id) for id in ("7", "7_v2", "7_v3_a", "7_v4")]
    done = imported(write(tmp_path, *rows), tmp_path / "out")
    assert [sample.changes for sample in done.samples] == [()] * 4


def test_verbatim_keeps_the_exact_prompt(tmp_path: Path) -> None:
    prompt = render(DEFAULT, PUBLISHED_2025).text
    file = write(tmp_path, conversation('{"rating": "Safe", "category": "NA"}', prompt))
    done = imported(Source(str(file), verbatim=True), tmp_path / "out")
    assert done.folder.policy_of(done.samples[0]).verbatim == prompt


def test_rows_that_are_broken_cost_themselves_only(tmp_path: Path) -> None:
    good = '{"rating": "Safe", "category": "NA"}'
    done = imported(
        write(
            tmp_path,
            conversation(good),
            {"id": "2", "conversations": []},
            conversation(good, image=["0.png", "1.png"]),
            {"image": "0.png", "conversations": [{"from": "human", "value": 3}]},
            conversation(good, image="/data/somewhere/gone.png"),
            {"image": "1.png", "conversations": []},
        ),
        tmp_path / "out",
    )
    assert len(done.samples) == 1
    expected = {"no_image": 1, "several_images": 1, "unreadable_row": 1, "not_found": 1, "no_label": 1}
    assert done.reasons == expected


def test_a_path_of_another_machine_is_found_by_its_end(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.png", 3)
    row = conversation('{"rating": "Safe", "category": "NA"}', image="/data/run/images/a.png")
    done = imported(write(tmp_path, row), tmp_path / "out")
    assert len(done.samples) == 1


def test_a_path_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.png", 3)
    folder = tmp_path / "data"
    folder.mkdir()
    row = conversation('{"rating": "Safe", "category": "NA"}', image="../secret.png")
    assert imported(write(folder, row), tmp_path / "out").reasons == {"not_found": 1}


def test_a_prompt_with_a_broken_policy_is_named(tmp_path: Path) -> None:
    prompt = "O1: Hate:\n- no list above\nShould not:\n- x"
    done = imported(write(tmp_path, conversation('{"rating": "Safe", "category": "NA"}', prompt)), tmp_path / "out")
    assert done.reasons == {"unreadable_policy": 1}
