"""A small data set, and recipes for tiny checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from eyeward.data.changes import StanceChanged
from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.sample import Sample, Split
from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.policy import Policy
from eyeward.policy.schema import Stance
from eyeward.train.tuning.recipe import Recipe
from eyeward.train.tuning.run import Tuning
from eyeward.verdict import NA, Rating
from tests.engine.local.families.checkpoints import MAKERS as OTHERS
from tests.engine.local.questions import picture
from tests.engine.local.tiny import make_checkpoint

MAKERS: dict[str, Callable[..., Any]] = {"llava_onevision": make_checkpoint} | OTHERS
POLICY = Policy.load("default").only("O1", "O6")
O1, O6 = POLICY.labels


def make_teachable(folder: Path) -> None:
    """Write a checkpoint whose random weights are small enough to learn from."""
    make_checkpoint(folder)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    for name, tensor in tensors.items():
        if "norm" in name and name.endswith("weight"):
            tensor.fill_(1.0)
        else:
            tensor.mul_(0.25)
    save_file(tensors, file, metadata={"format": "pt"})


@contextmanager
def no_bar(what: str, total: int = 0) -> Iterator[Callable[[], None]]:
    """Show nothing."""
    yield lambda: None


def sample(number: int, unsafe: bool, split: Split | None = Split.TRAIN, **fields: Any) -> Sample:
    """Label picture `number`."""
    content: dict[str, Any] = {
        "image": f"images/{number}.png",
        "category": O6 if unsafe else NA,
        "rating": Rating.Unsafe if unsafe else Rating.Safe,
        "rationale": "A knife lies on a table." if unsafe else 'A dog "sleeps".',
        "split": split,
        "group": f"group-{number}",
        "policy": POLICY.model_dump(),
    }
    return Sample.model_validate({**content, **fields})


def write_data(folder: Path, samples: list[Sample], pictures: int) -> SampleFolder:
    """Write samples, and pictures of several shapes."""
    (folder / "images").mkdir(parents=True)
    for number in range(pictures):
        picture(number, 60 + 25 * (number % 3), 60).save(folder / f"images/{number}.png")
    writer = SampleWriter(folder)
    for item in samples:
        writer.write(item)
    writer.finish()
    return SampleFolder(folder)


def data(folder: Path) -> SampleFolder:
    """Write twelve samples for training, one of them with an exception, and four to validate."""
    allowed = POLICY.with_stance(Stance.non_violating, "O6")
    exception = sample(
        1,
        False,
        category=O6,
        policy=allowed.model_dump(),
        changes=[StanceChanged(category="O6", to=Stance.non_violating).model_dump()],
    )
    train = [sample(number, number % 2 == 1) for number in range(11)] + [exception]
    held_out = [sample(number, number % 2 == 1, Split.VALIDATION) for number in range(11, 15)]
    return write_data(folder, train + held_out, 15)


def recipe(base: Path, folder: SampleFolder, **settings: Any) -> Recipe:
    """Return a recipe of four steps on two cores."""
    content: dict[str, Any] = {
        "name": "small",
        "method": "full",
        "order": "image_first",
        "base": str(base),
        "data": str(folder.path),
        "steps": 4,
        "batch": 2,
        "learning_rate": 1e-3,
        "precision": "float32",
        "checkpointing": False,
        "workers": 0,
        "calibrate": False,
    }
    return Recipe.model_validate({**content, **settings})


def tuning(base: Path, folder: SampleFolder, out: Path, **settings: Any) -> Tuning:
    """Return a run that shows nothing."""
    return Tuning(recipe(base, folder, **settings), out, no_bar)


class _StopsAt(TrainerCallback):
    def __init__(self, step: int) -> None:
        self._step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = state.global_step >= self._step


def train_until(run: Tuning, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn up to a step, as a run that is stopped there."""
    made = run._trainer

    def with_stop(*arguments: Any) -> Any:
        trainer = made(*arguments)
        trainer.add_callback(_StopsAt(step))
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(run, "_trainer", with_stop)
        assert run.train().state.global_step == step


def supervised(checkpoint: LoadedCheckpoint, ids: list[int], labels: list[int]) -> str:
    """Decode what a row teaches."""
    return str(checkpoint.tokenizer.decode([i for i, label in zip(ids, labels, strict=True) if label != -100]))
