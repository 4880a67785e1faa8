"""Pictures are changed as the attack suite changes them: drawn anew in every epoch, and always the same in the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Split
from eyeward.engine.local.checkpoint import LoadedCheckpoint, load_checkpoint
from eyeward.errors import UsageError
from eyeward.evaluate.suites.attacks import PICTURE_ATTACKS
from eyeward.train.tuning.attacked import ATTACKS, Change, Changing
from eyeward.train.tuning.batches import NUMBER, Collator
from eyeward.train.tuning.lessons import Teaching, first_picture
from eyeward.train.tuning.recipe import Attacked
from eyeward.train.tuning.run import Tuning
from eyeward.train.tuning.trainer import GuardTrainer
from tests.train.tuning.small import (
    MAKERS,
    data,
    make_teachable,
    recipe,
    sample,
    train_until,
    tuning,
    write_data,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> SampleFolder:
    return data(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module", params=sorted(MAKERS))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedCheckpoint:
    place = tmp_path_factory.mktemp("tiny") / "checkpoint"
    MAKERS[request.param](place)
    return load_checkpoint(place, dtype=torch.float32)


def changing(folder: SampleFolder, **settings: object) -> Changing:
    learnt = [item for item in folder if item.split is Split.TRAIN]
    return Changing.of(Attacked.model_validate(settings), folder, learnt, seed=3)


def test_attacks_are_those_of_the_suite_that_leave_one_picture(folder: SampleFolder) -> None:
    assert ATTACKS.keys() < {attack.name for attack in PICTURE_ATTACKS}
    picture = first_picture(folder, next(iter(folder)))
    drawn = changing(folder, share=1.0, strongest=5).drawn([0] * 400)
    seen = {change.attack.name: change for change in drawn if change is not None}
    assert seen.keys() == ATTACKS.keys()
    for name, change in seen.items():
        changed = change(picture)
        assert changed.mode == "RGB"
        if name != "exif orientation":
            same = changed.size == picture.size and np.array_equal(np.asarray(changed), np.asarray(picture))
            assert not same, name


def names(changes: Sequence[Change | None]) -> list[object]:
    return [None if change is None else (change.attack.name, change.value, change.seed) for change in changes]


def test_the_same_batch_is_changed_the_same_way_and_another_one_otherwise(folder: SampleFolder) -> None:
    def drawn(numbers: list[int], epoch: int = 0) -> list[object]:
        drawing = changing(folder, share=1.0)
        drawing.epoch = epoch
        return names(drawing.drawn(numbers))

    assert drawn([3, 1, 4]) == drawn([3, 1, 4])
    assert drawn([3, 1, 4]) != drawn([4, 1, 3])
    assert drawn([3, 1, 4]) != drawn([3, 1, 5])
    assert drawn([3]) != drawn([3], epoch=1) == drawn([3], epoch=1)


def test_a_picture_is_changed_otherwise_in_every_epoch_also_where_a_stopped_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_teachable(tmp_path / "base")
    three = write_data(tmp_path / "set", [sample(number, number == 1) for number in range(3)], 3)
    shown: list[tuple[int, object]] = []
    draw = Changing.drawn

    def noting(drawing: Changing, numbers: Sequence[int]) -> list[Change | None]:
        changes = draw(drawing, numbers)
        shown.extend(zip(numbers, names(changes), strict=True))
        return changes

    def run(out: str) -> Tuning:
        settings = {"batch": 1, "steps": 8, "save_every": 4, "attacked": {"share": 1.0}}
        return tuning(tmp_path / "base", three, tmp_path / out, **settings)

    def losses(trainer: GuardTrainer) -> list[float]:
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    monkeypatch.setattr(Changing, "drawn", noting)
    whole = losses(run("whole").train())
    assert len(set(shown[:8])) == 8, "eight steps show three pictures, each time with another change"
    assert [{number for number, _ in shown[start : start + 3]} for start in (0, 3)] == [{0, 1, 2}] * 2
    train_until(run("stopped"), 4, monkeypatch)
    assert losses(run("stopped").train()) == whole


def test_so_many_pictures_are_changed_as_was_said_and_those_that_measure_never(folder: SampleFolder) -> None:
    half = changing(folder, share=0.5).drawn([0] * 1000)
    assert 400 < sum(change is not None for change in half) < 600
    assert set(changing(folder, share=0.0).drawn([0] * 50)) == {None}
    everything = changing(folder, share=1.0)
    assert set(everything.drawn(range(everything.learnt, everything.learnt + 50))) == {None}


def test_attacks_and_levels_can_be_chosen(folder: SampleFolder) -> None:
    drawn = changing(folder, share=1.0, attacks=("jpeg", "crop"), strongest=2).drawn([0] * 200)
    found = Counter((change.attack.name, change.value) for change in drawn if change is not None)
    assert found.keys() == {("jpeg", 90), ("jpeg", 70), ("crop", 0.95), ("crop", 0.9)}


def test_what_cannot_be_done_is_refused(folder: SampleFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Pictures cannot be changed by 'late frame', 'jpg'; there are jpeg, "):
        changing(folder, attacks=("late frame", "jpg"))
    unsafe = write_data(tmp_path / "unsafe", [sample(number, True) for number in range(3)], 3)
    with pytest.raises(UsageError, match="no sample for training is one"):
        changing(unsafe)


def test_a_changed_picture_takes_no_more_tokens_than_were_planned_for_it(
    checkpoint: LoadedCheckpoint, folder: SampleFolder
) -> None:
    teaching = Teaching(checkpoint, recipe(checkpoint.folder, folder).card(None))
    samples = [item for item in folder if item.split is Split.TRAIN]
    plain = Collator(teaching, folder, samples, checkpoint, {})
    drawn = changing(folder, share=1.0, attacks=("border", "screenshot"))
    attacked = Collator(teaching, folder, samples, checkpoint, {}, changing=drawn)
    for number in range(len(samples)):
        before, after = plain.lesson(number), attacked.lesson(number, drawn.drawn([number])[0])
        assert len(after.tokens) <= len(before.tokens)
        assert after.tokens[after.answer :] == before.tokens[before.answer :]
        batch = attacked([{NUMBER: number}])
        marks = int((batch["input_ids"] == checkpoint.image_token_id).sum())
        features = checkpoint.family.encode(checkpoint.model, [after.image], ())[0][0]
        assert marks == len(features)


def test_a_run_learns_from_changed_pictures_the_same_ones_each_time(folder: SampleFolder, tmp_path: Path) -> None:
    make_teachable(tmp_path / "base")

    def losses(out: str, **settings: object) -> list[float]:
        run = tuning(tmp_path / "base", folder, tmp_path / out, steps=4, **settings)
        return [entry["loss"] for entry in run.train().state.log_history if "loss" in entry]

    attacked = {"attacked": {"share": 1.0}, "save_every": 2}
    whole = losses("whole", **attacked)
    assert whole != losses("plain", save_every=2)
    assert losses("whole again", **attacked) == whole


def test_attacks_of_a_recipe_are_looked_at_before_anything_is_learnt(folder: SampleFolder, tmp_path: Path) -> None:
    make_teachable(tmp_path / "base")
    run = tuning(tmp_path / "base", folder, tmp_path / "run", attacked={"attacks": ["none such"]})
    with pytest.raises(UsageError, match="'none such'"):
        run.plan()
