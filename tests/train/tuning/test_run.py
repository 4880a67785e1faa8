"""Training moves what it should, goes on where it was stopped, and ends with a guard that loads everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

import eyeward
from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Split
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.rating import Calibration
from eyeward.errors import DataError, UsageError
from eyeward.guard import EyewardCard
from eyeward.policy import Policy
from eyeward.train.tuning.finish import ADAPTER, finish
from eyeward.train.tuning.parameters import part_of
from eyeward.train.tuning.run import CURVE, LOSSES, STATE, Tuning, is_whole, saved_points, trackers
from eyeward.train.tuning.survey import DISCARDED_FILE
from eyeward.verdict import Rating, Status
from tests.train.tuning.small import MAKERS, POLICY, data, make_teachable, sample, train_until, tuning, write_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> SampleFolder:
    return data(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("bases")
    for name, make in MAKERS.items():
        make(place / name)
    return {name: place / name for name in MAKERS}


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let guards pass that have learnt next to nothing; the check itself has a test below."""
    monkeypatch.setattr(
        "eyeward.train.tuning.finish.load_guard", lambda name, **_: eyeward.load_guard(name, self_check="off")
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_checkpoint(folder, dtype=torch.float32).model.state_dict()
    return state


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> dict[str, set[str]]:
    assert set(before) == set(after)
    found: dict[str, set[str]] = {"vision": set(), "projector": set(), "language": set()}
    for name, tensor in before.items():
        if not torch.equal(tensor, after[name]):
            found[part_of(name)].add(name)
    return found


@pytest.mark.parametrize("family", sorted(MAKERS))
def test_full_tuning_moves_the_language_model_alone(
    family: str, bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, unchecked: None
) -> None:
    run = tuning(bases[family], folder, tmp_path / "run", steps=2)
    guard = finish(run, run.train())
    assert guard is not None
    before = weights(bases[family])
    found = moved(before, weights(guard))
    assert not found["vision"]
    assert not found["projector"]
    language = {name for name in before if part_of(name) == "language"}
    assert found["language"] >= {name for name in language if "proj" in name and name.endswith("weight")}
    assert any("embed_tokens" in name for name in found["language"])


@pytest.mark.parametrize("family", sorted(MAKERS))
def test_everything_learns_when_the_recipe_says_so(
    family: str, bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, unchecked: None
) -> None:
    run = tuning(bases[family], folder, tmp_path / "run", steps=2, train_vision=True, train_projector=True)
    guard = finish(run, run.train())
    assert guard is not None
    found = moved(weights(bases[family]), weights(guard))
    assert all(found.values())
    said = "full fine-tuning of the language model and the vision tower and the projector"
    assert said in (guard / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", sorted(MAKERS))
def test_lora_moves_linear_layers_of_the_language_model_alone(
    family: str, bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, unchecked: None
) -> None:
    run = tuning(bases[family], folder, tmp_path / "run", steps=2, method="lora", lora={"rank": 4, "alpha": 8})
    guard = finish(run, run.train())
    assert guard is not None
    found = moved(weights(bases[family]), weights(guard))
    assert not found["vision"]
    assert not found["projector"]
    kinds = {name.split(".")[-2] for name in found["language"]}
    assert kinds == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert (run.folder / ADAPTER / "adapter_model.safetensors").is_file()


def logged(run: Path) -> dict[int, float]:
    entries = [json.loads(line) for line in (run / LOSSES).read_text().splitlines()]
    return {entry["step"]: entry["loss"] for entry in entries if "loss" in entry}


@pytest.mark.parametrize(("method", "attacked"), [("full", None), ("lora", None), ("full", {"share": 1.0})])
def test_a_run_that_was_stopped_goes_on_to_the_same_losses(
    method: str,
    attacked: dict[str, float] | None,
    bases: dict[str, Path],
    folder: SampleFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {
        "steps": 4,
        "save_every": 2,
        "method": method,
        "lora": {"rank": 4, "alpha": 8},
        "attacked": attacked,
    }
    whole = tuning(bases["llava_onevision"], folder, tmp_path / "whole", **settings)
    whole.train()
    train_until(tuning(bases["llava_onevision"], folder, tmp_path / "stopped", **settings), 2, monkeypatch)
    tuning(bases["llava_onevision"], folder, tmp_path / "stopped", **settings).train()
    losses = [logged(run) for run in (tmp_path / "whole", tmp_path / "stopped")]
    assert list(losses[0]) == [1, 2, 3, 4]
    assert losses[0] == losses[1]
    assert len(set(losses[0].values())) > 2


def test_a_run_that_was_killed_while_it_saved_goes_on_from_the_point_before(
    bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"steps": 3, "save_every": 1}
    whole = tuning(bases["llava_onevision"], folder, tmp_path / "whole", **settings)
    whole.train()
    train_until(tuning(bases["llava_onevision"], folder, tmp_path / "killed", **settings), 1, monkeypatch)
    cut_off = tmp_path / "killed" / STATE / "checkpoint-2"
    cut_off.mkdir()
    (cut_off / "model.safetensors").write_bytes(b"half")
    said: list[str] = []
    killed = tuning(bases["llava_onevision"], folder, tmp_path / "killed", **settings)
    killed.say = said.append
    killed.train()
    assert said == [f"{cut_off} was cut off while it was written; the run goes on from checkpoint-1."]
    assert logged(killed.folder) == logged(whole.folder)
    assert [point.name for point in saved_points(killed.folder / STATE)] == ["checkpoint-3", "checkpoint-2"]
    assert is_whole(cut_off)


@pytest.mark.parametrize("content", [None, b"", b'{"global_step": 2', b"\xff\xfe", b"[]"])
def test_a_point_whose_state_is_missing_or_cut_off_is_none(tmp_path: Path, content: bytes | None) -> None:
    point = tmp_path / "checkpoint-2"
    point.mkdir()
    if content is not None:
        (point / "trainer_state.json").write_bytes(content)
    assert not is_whole(point)
    (point / "trainer_state.json").write_text('{"global_step": 2}')
    assert is_whole(point)


def test_points_are_in_the_order_of_their_steps(tmp_path: Path) -> None:
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-x", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-11").write_text("no folder")
    assert [point.name for point in saved_points(tmp_path)] == ["checkpoint-10", "checkpoint-9"]
    assert saved_points(tmp_path / "nothing") == []


def test_processes_that_make_images_ready_change_no_loss_also_where_a_stopped_run_goes_on(
    bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(out: str, workers: int) -> Tuning:
        settings = {"steps": 8, "save_every": 4, "attacked": {"share": 1.0}, "workers": workers}
        return tuning(bases["llava_onevision"], folder, tmp_path / out, **settings)

    run("alone", 0).train()
    train_until(run("several", 2), 4, monkeypatch)
    trainer = run("several", 2).train()
    loader = trainer.get_train_dataloader()
    assert (loader.num_workers, trainer.args.dataloader_multiprocessing_context) == (2, "fork")
    assert list(logged(tmp_path / "alone")) == list(range(1, 9))
    assert logged(tmp_path / "several") == logged(tmp_path / "alone")


def test_without_fork_images_are_made_ready_by_the_process_that_learns(
    bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tuning(bases["llava_onevision"], folder, tmp_path / "run", workers=2)
    assert run._arguments().dataloader_num_workers == 2
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    settings = run._arguments()
    assert (settings.dataloader_num_workers, settings.dataloader_multiprocessing_context) == (0, None)


def test_losses_fall_and_are_drawn(folder: SampleFolder, tmp_path: Path) -> None:
    make_teachable(tmp_path / "base")
    run = tuning(tmp_path / "base", folder, tmp_path / "run", steps=30, learning_rate=1e-2, batch=4, warmup=0.1)
    run.train()
    losses = [*logged(run.folder).values()]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert (run.folder / CURVE).read_text().count("polyline") >= 2


def test_the_guard_loads_in_eyeward_and_in_transformers_and_carries_figures(
    bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, unchecked: None
) -> None:
    run = tuning(bases["llava_onevision"], folder, tmp_path / "run", calibrate=True)
    guard_folder = finish(run, run.train())
    assert guard_folder is not None
    guard = eyeward.load_guard(guard_folder, self_check="off")
    verdict = guard.assess(folder.path / "images/1.png", POLICY)
    assert verdict.status is not Status.error
    assert verdict.model.name == "small"
    card = EyewardCard.read(guard_folder)
    assert card.trained_to_judge
    assert len(card.training_policies) == 2
    assert card.known_policy is not None
    assert Policy.from_text(card.known_policy) == POLICY
    assert card.calibration != Calibration()
    page = (guard_folder / "README.md").read_text()
    assert "balanced accuracy" in page
    assert "always Safe" in page
    model = AutoModelForImageTextToText.from_pretrained(guard_folder)
    ours = load_checkpoint(guard_folder).model.state_dict()
    assert all(torch.equal(tensor.float(), ours[name].float()) for name, tensor in model.state_dict().items())
    assert not list(run.folder.glob(".*unfinished"))


def test_random_weights_that_learnt_nothing_are_no_guard(
    bases: dict[str, Path], folder: SampleFolder, tmp_path: Path
) -> None:
    run = tuning(bases["llava_onevision"], folder, tmp_path / "run", steps=1, learning_rate=1e-9)
    trainer = run.train()
    with pytest.raises(eyeward.errors.EyewardError):
        finish(run, trainer)


def test_a_folder_with_the_run_of_another_recipe_is_refused(
    bases: dict[str, Path], folder: SampleFolder, tmp_path: Path
) -> None:
    tuning(bases["llava_onevision"], folder, tmp_path / "run").recipe.claim(tmp_path / "run")
    with pytest.raises(UsageError, match="learning_rate is 0.002 here and 0.001 there"):
        tuning(bases["llava_onevision"], folder, tmp_path / "run", learning_rate=2e-3).train()


def test_data_without_a_single_lesson_is_refused(bases: dict[str, Path], folder: SampleFolder, tmp_path: Path) -> None:
    empty = data(tmp_path / "set")
    for file in (empty.path / "images").iterdir():
        file.write_bytes(b"")
    with pytest.raises(UsageError, match="no sample to learn from: 12 unreadable_image"):
        tuning(bases["llava_onevision"], empty, tmp_path / "run").train()


def test_a_recipe_without_data_is_refused(bases: dict[str, Path], folder: SampleFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add data=FOLDER"):
        tuning(bases["llava_onevision"], folder, tmp_path / "run", data="")


def test_a_run_goes_on_with_the_labels_that_it_began_with(bases: dict[str, Path], tmp_path: Path) -> None:
    base, folder = bases["llava_onevision"], data(tmp_path / "set")
    tuning(base, folder, tmp_path / "run", steps=1).train()
    labels = folder.path / "labels.jsonl"
    labels.write_text("".join(labels.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    with pytest.raises(UsageError, match="are not those that the run in .*run began with"):
        tuning(base, SampleFolder(folder.path), tmp_path / "run", steps=1).train()


def test_samples_of_both_sides_that_are_no_lessons_are_named(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = data(tmp_path / "set")
    for number in (2, 12):
        (folder.path / f"images/{number}.png").unlink()
    said: list[str] = []
    run = tuning(bases["llava_onevision"], folder, tmp_path / "run", steps=1)
    run.say = said.append
    run.train()
    lines = [json.loads(line) for line in (run.folder / DISCARDED_FILE).read_text(encoding="utf-8").splitlines()]
    assert ["images/2.png" in lines[0]["message"], "images/12.png" in lines[1]["message"]] == [True, True]
    assert said == [f"Samples that are no lessons: 2 unreadable_image; {run.folder / DISCARDED_FILE} names them."]


def test_validation_labels_that_cannot_be_asked_are_refused_before_anything_is_learnt(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    rows = [sample(0, True), sample(1, False), sample(2, False, Split.VALIDATION)]
    rows.append(sample(3, True, Split.VALIDATION, category="O3: Sexual Content"))
    run = tuning(bases["llava_onevision"], write_data(tmp_path / "set", rows, 4), tmp_path / "run", calibrate=True)
    with pytest.raises(DataError, match="1 samples have a category that their policy does not have"):
        run.train()
    assert not (run.folder / LOSSES).exists()


def test_a_guard_that_rates_one_kind_only_is_measured_and_not_calibrated(
    bases: dict[str, Path], folder: SampleFolder, tmp_path: Path, unchecked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyeward.train.tuning.finish.is_rated", lambda outcome: outcome.question.rating is Rating.Safe)
    run = tuning(bases["llava_onevision"], folder, tmp_path / "run", steps=1, calibrate=True)
    guard = finish(run, run.train())
    assert guard is not None
    assert EyewardCard.read(guard).calibration == Calibration()
    page = (guard / "README.md").read_text(encoding="utf-8")
    assert "too few of which it rated to calibrate it" in page
    assert "balanced accuracy" in page


@pytest.mark.parametrize(
    ("installed", "environment", "expected"),
    [
        ((), {}, []),
        (("tensorboard", "wandb"), {}, ["tensorboard"]),
        (("tensorboardX", "wandb"), {"WANDB_API_KEY": "k"}, ["tensorboard", "wandb"]),
        (("wandb",), {"WANDB_MODE": "offline"}, ["wandb"]),
        ((), {"WANDB_API_KEY": "k"}, []),
    ],
)
def test_trackers_are_those_that_are_installed_and_set_up(
    monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], environment: dict[str, str], expected: list[str]
) -> None:
    monkeypatch.setattr("eyeward.train.tuning.run.find_spec", lambda name: name if name in installed else None)
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert trackers() == expected
