"""The study: shares before and after a guard, resumed where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eyeward.errors import DataError, ErrorType, UsageError
from eyeward.evaluate.intervals import wilson
from eyeward.guard import Guard
from eyeward.moderate.bench.counting import Line
from eyeward.moderate.bench.generating import generate
from eyeward.moderate.bench.prompts import Made, Prompt, made_from
from eyeward.moderate.bench.run import bench
from eyeward.policy import Policy
from eyeward.verdict import Failure, Rating
from tests.annotate.world import png
from tests.evaluate.worlds import HATE, asked, guard, row

POLICY = Policy.load("default")
PROMPTS = [
    Prompt(0, "a", ("violence",)),
    Prompt(1, "b", ("violence", "hate")),
    Prompt(2, "c", ("hate",)),
    Prompt(3, "d", ()),
]
LEVELS = {"0.png": 250, "1.png": 170, "2.png": 140, "3.png": 10}
"""A guard with the threshold 0.6 withholds the first two; a judge with 0.5 knows that the third is unsafe, too."""


def drawn(folder: Path, levels: dict[str, int] = LEVELS) -> list[Made]:
    folder.mkdir(exist_ok=True)
    for name, level in levels.items():
        (folder / name).write_bytes(png(level))
    return made_from(folder, PROMPTS)


def line(lines: tuple[Line, ...], name: str) -> Line:
    (found,) = [line for line in lines if line.name == name]
    return found


def counts(line: Line) -> list[tuple[int, int] | None]:
    shares = (line.unsafe_before, line.withheld, line.unsafe_after, line.safe_withheld, line.unknown)
    return [None if share is None else (share.hits, share.of) for share in shares]


def test_shares_before_and_after_the_guard_by_a_judge(tmp_path: Path) -> None:
    images = drawn(tmp_path / "images")
    found = bench(PROMPTS, images, tmp_path, guard(threshold=0.6), POLICY, judge=guard(name="judge"))
    everything = found.by_prompt[0]
    assert counts(everything) == [(3, 4), (2, 4), (1, 2), (0, 1), (0, 4)]
    assert (everything.unsafe_before.low, everything.unsafe_before.high) == wilson(3, 4)
    assert counts(line(found.by_prompt, "violence")) == [(2, 2), (2, 2), (0, 0), (0, 0), (0, 2)]
    assert counts(line(found.by_prompt, "hate")) == [(2, 2), (1, 2), (1, 1), (0, 0), (0, 2)]
    assert counts(line(found.by_prompt, "none named")) == [(0, 1), (0, 1), (0, 1), (0, 1), (0, 1)]
    assert counts(line(found.by_category, "O1"))[:3] == [(3, 4), (2, 4), (1, 2)]
    assert counts(line(found.by_category, "O2"))[0] == (0, 4)
    assert (found.guard.name, found.judge.name if found.judge else None) == ("bright", "judge")
    assert json.loads((tmp_path / "bench.json").read_text())["by_prompt"][0]["unsafe_before"]["share"] == 0.75


def test_the_word_of_people_counts_where_there_are_labels(tmp_path: Path) -> None:
    images = drawn(tmp_path / "images")
    rows = [row("0.png", Rating.Safe), row("images/3.png", Rating.Unsafe), row("other.png", Rating.Unsafe)]
    (tmp_path / "labels.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in rows))
    found = bench(PROMPTS, images, tmp_path / "out", guard(threshold=0.6), POLICY, labels=tmp_path)
    assert counts(found.by_prompt[0]) == [(1, 4), (2, 4), (1, 2), (1, 1), (2, 4)]
    assert counts(line(found.by_category, HATE.partition(":")[0]))[0] == (1, 4)


def test_labels_of_other_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text(json.dumps(row("other.png", Rating.Safe)) + "\n")
    with pytest.raises(DataError, match="None of the labels"):
        bench(PROMPTS, drawn(tmp_path / "images"), tmp_path / "out", guard(), POLICY, labels=tmp_path)


def test_a_guard_does_not_judge_itself(tmp_path: Path) -> None:
    found = bench(PROMPTS, drawn(tmp_path / "images"), tmp_path, guard(), POLICY)
    assert counts(found.by_prompt[0]) == [(3, 4), (3, 4), None, None, (0, 4)]


def test_what_the_judge_does_not_know_is_unknown_and_what_the_guard_does_not_know_is_withheld(tmp_path: Path) -> None:
    images = drawn(tmp_path / "images", {**LEVELS, "3-1.png": 128})
    (tmp_path / "images" / "0.png").write_bytes(b"no image")
    found = bench(
        PROMPTS, images, tmp_path, guard(band=(0.5, 0.52)), POLICY, judge=guard(name="judge", band=(0.5, 0.6))
    )
    assert counts(found.by_prompt[0]) == [(1, 5), (4, 5), (0, 1), (0, 1), (3, 5)]


def test_images_of_one_prompt_count_as_less_than_independent_ones(tmp_path: Path) -> None:
    levels = {f"{prompt}-{copy}.png": 250 if prompt < 2 else 10 for prompt in range(4) for copy in range(10)}
    found = bench(PROMPTS, drawn(tmp_path / "images", levels), tmp_path, guard(), POLICY)
    share = found.by_prompt[0].unsafe_before
    assert (share.hits, share.of) == (20, 40)
    assert share.high - share.low > 1.8 * (wilson(20, 40)[1] - wilson(20, 40)[0])


def test_a_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    images = drawn(tmp_path / "images")
    first = bench(PROMPTS, images, tmp_path / "out", guard(), POLICY)
    ledger = tmp_path / "out" / "verdicts-guard.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:3]) + lines[3][:20])  # killed while it wrote
    again = guard()
    assert bench(PROMPTS, images, tmp_path / "out", again, POLICY) == first
    assert asked(again) == 2
    (tmp_path / "images" / "2.png").write_bytes(png(5))  # another image under the same name
    changed = guard()
    assert bench(PROMPTS, images, tmp_path / "out", changed, POLICY).by_prompt[0].unsafe_before.hits == 2
    assert asked(changed) == 1


def test_failures_that_may_have_passed_are_asked_again(tmp_path: Path) -> None:
    from eyeward.engine.protocol import Prompt as Question
    from eyeward.engine.protocol import RawAnswer

    def unavailable(prompt: Question) -> RawAnswer:
        return RawAnswer(error=Failure(type=ErrorType.engine_unavailable, message="Later."))

    images = drawn(tmp_path / "images")
    assert bench(PROMPTS, images, tmp_path, guard(unavailable), POLICY).by_prompt[0].withheld.hits == 4
    assert bench(PROMPTS, images, tmp_path, guard(), POLICY).by_prompt[0].withheld.hits == 3


@pytest.mark.parametrize("other", [guard(threshold=0.9), guard(name="other")], ids=["threshold", "name"])
def test_verdicts_of_another_guard_are_not_taken(tmp_path: Path, other: Guard) -> None:
    images = drawn(tmp_path / "images")
    bench(PROMPTS, images, tmp_path, guard(), POLICY)
    with pytest.raises(UsageError, match="another guard"):
        bench(PROMPTS, images, tmp_path, other, POLICY)
    with pytest.raises(UsageError, match="another policy"):
        bench(PROMPTS, images, tmp_path, guard(), POLICY.sensitive("O2"))


class Painter:
    """Stands in for a pipeline: writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, prompt: str, num_inference_steps: int = 50, width: int = 8, generator: Any = None) -> Any:
        said = {"prompt": prompt, "steps": num_inference_steps, "width": width, "seed": generator.initial_seed()}
        self.asked.append(said)
        return type("Output", (), {"images": [Image.new("RGB", (8, 8))]})()


def test_images_are_made_once_with_the_settings_of_their_prompts(tmp_path: Path) -> None:
    prompts = [Prompt(0, "a", (), seed=7, width=64, guidance_scale=3.0), Prompt(1, "b", ())]
    painter = Painter()
    assert generate(painter, prompts, tmp_path, copies=2, steps=4, seed=100) == 4
    assert painter.asked == [
        {"prompt": "a", "steps": 4, "width": 64, "seed": 7},
        {"prompt": "a", "steps": 4, "width": 64, "seed": 8},
        {"prompt": "b", "steps": 4, "width": 8, "seed": 101},
        {"prompt": "b", "steps": 4, "width": 8, "seed": 102},
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "00000-0.png",
        "00000-1.png",
        "00001-0.png",
        "00001-1.png",
    ]
    (tmp_path / "00001-0.png").unlink()
    assert generate(painter, prompts, tmp_path, copies=2) == 1


def test_a_pipeline_that_makes_no_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures"):
        generate(lambda prompt: None, [Prompt(0, "a", ())], tmp_path)
