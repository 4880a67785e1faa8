"""A dry run tells what a run would do, without its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eyeward.cli.main import app
from eyeward.train.tuning.trainer import GuardTrainer
from tests.engine.local.tiny import TURN_END, make_checkpoint
from tests.train.tuning.small import data, recipe, tuning


def learning(trainer: GuardTrainer) -> int:
    model: Any = trainer.model
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def test_the_plan_is_what_the_run_does(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")
    settings = {"steps": None, "epochs": 2, "batch": 2, "accumulate": 2}
    plan, found, (asked, learnt) = tuning(tmp_path / "base", folder, tmp_path / "run", **settings).plan()
    assert (plan.samples, plan.samples_a_step, plan.steps) == (12, 4, 6)
    trainer = tuning(tmp_path / "base", folder, tmp_path / "run", **settings).train()
    assert trainer.state.global_step == plan.steps
    assert plan.learning == learning(trainer)
    assert plan.tokens_an_epoch == found.tokens.sum()
    assert asked.count("<image>") == 1
    assert learnt.endswith(TURN_END)
    assert '"rating": ' in learnt


def test_lora_learns_as_many_numbers_as_the_plan_says(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")
    settings = {"method": "lora", "lora": {"rank": 3, "alpha": 6}, "steps": 1}
    plan, _, _ = tuning(tmp_path / "base", folder, tmp_path / "run", **settings).plan()
    trainer = tuning(tmp_path / "base", folder, tmp_path / "run", **settings).train()
    assert plan.learning == learning(trainer)


def test_memory_grows_with_what_needs_it(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")

    def memory(**settings: object) -> int:
        return tuning(tmp_path / "base", folder, tmp_path / "run", **settings).plan()[0].memory_bytes

    plain = memory()
    assert memory(checkpointing=True) < plain < memory(batch=4)
    assert memory(weights="bfloat16") < plain


def test_the_command_shows_the_plan_and_a_sample_and_learns_nothing(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")
    (folder.path / "images/3.png").unlink()
    recipe(tmp_path / "base", folder).save(tmp_path / "small.yaml")
    asked = ["train", str(tmp_path / "small.yaml"), "steps=3", "--dry-run", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.stderr
    assert "3 steps of 2 samples; 11 samples an epoch" in result.stdout
    assert "No lessons: 1 unreadable_image." in result.stdout
    assert '{"rating": "' in result.stdout
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", [["--until", "base"], ["--pictures", "drawn"]])
def test_options_of_training_from_scratch_are_refused(tmp_path: Path, option: list[str]) -> None:
    make_checkpoint(tmp_path / "base")
    recipe(tmp_path / "base", data(tmp_path / "set")).save(tmp_path / "small.yaml")
    result = CliRunner().invoke(app, ["train", str(tmp_path / "small.yaml"), *option])
    assert result.exit_code == 2
    assert "from scratch" in result.stderr
