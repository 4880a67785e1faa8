"""What a token costs: as in TRL where nothing is weighted, and as the formulas say where something is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from eyeward.data.sample import Split
from eyeward.evaluate.outcome_file import write_outcomes
from eyeward.train.tuning.batches import IGNORED, Collator
from eyeward.train.tuning.lessons import SoftTarget
from eyeward.train.tuning.survey import chosen
from eyeward.train.tuning.teacher import read_teacher
from eyeward.train.tuning.trainer import GuardTrainer, places_to_score, weighted_loss
from tests.engine.local.tiny import make_checkpoint
from tests.evaluate.hand_made import SAFE, UNSAFE, outcome, said
from tests.train.tuning.small import data, make_teachable, tuning

ROWS, TOKENS, VOCABULARY = 2, 7, 11


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    labels = torch.randint(0, VOCABULARY, (ROWS, TOKENS))
    labels[0, :3] = labels[1, :4] = IGNORED
    labels[1, 6:] = IGNORED
    places = places_to_score(labels)
    logits = torch.randn(ROWS, len(places), VOCABULARY, requires_grad=True)
    return logits, labels, places, (labels != IGNORED).float()


def test_only_places_before_learnt_tokens_are_scored() -> None:
    labels = torch.tensor([[IGNORED, IGNORED, 4, 5, IGNORED], [IGNORED, IGNORED, IGNORED, 1, 2]])
    assert places_to_score(labels).tolist() == [1, 2, 3]


def test_equal_weights_give_the_plain_loss(batch: Any) -> None:
    logits, labels, places, weights = batch
    expected = functional.cross_entropy(
        logits.flatten(0, 1), labels[:, places + 1].flatten(), ignore_index=IGNORED, reduction="sum"
    )
    found = weighted_loss(logits, labels, weights, [(), ()], places, 0.0)
    torch.testing.assert_close(found, expected)


def test_a_weight_counts_its_token_so_often(batch: Any) -> None:
    logits, labels, places, weights = batch
    once = weighted_loss(logits, labels, weights, [(), ()], places, 0.0)
    weights[0, 4] = 3.0
    column = places.tolist().index(3)
    cost = -logits[0, column].log_softmax(-1)[labels[0, 4]]
    torch.testing.assert_close(weighted_loss(logits, labels, weights, [(), ()], places, 0.0), once + 2 * cost)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_teacher_takes_its_share_of_the_token_it_speaks_of(batch: Any, share: float) -> None:
    logits, labels, places, weights = batch
    target = SoftTarget(5, (2, 8), (0.9, 0.1))
    plain = weighted_loss(logits, labels, weights, [(), ()], places, 0.0)
    column = places.tolist().index(4)
    hard = -logits[1, column].log_softmax(-1)[labels[1, 5]]
    soft = -(torch.tensor([0.9, 0.1]) * logits[1, column, [2, 8]].log_softmax(-1)).sum()
    found = weighted_loss(logits, labels, weights, [(), (target,)], places, share)
    torch.testing.assert_close(found, plain + share * (soft - hard))
    found.backward()
    assert logits.grad is not None
    if share == 1.0:
        assert logits.grad[1, column, [0, 1, 3]].abs().max() == 0, "no other token is spoken of"


def test_weights_of_one_learn_as_trl_does(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")
    losses = []
    for name, weight in (("trl", 1.0), ("ours", 1.0 + 1e-6)):
        trainer = tuning(tmp_path / "base", folder, tmp_path / name, label_weight=weight).train()
        losses.append([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert len(losses[0]) == 4


def test_activations_that_are_computed_twice_change_no_loss_and_come_back_as_trl_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under ZeRO-3 TRL wants LoRA's activations the other way, and says so once the trainer is made."""

    class UnderZero3(GuardTrainer):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.args.gradient_checkpointing_kwargs = {"use_reentrant": True}

    make_checkpoint(tmp_path / "base")
    folder = data(tmp_path / "set")
    losses = {}
    for name in ("kept", "twice", "zero3"):
        if name == "zero3":
            monkeypatch.setattr("eyeward.train.tuning.trainer.GuardTrainer", UnderZero3)
        settings: dict[str, Any] = {"method": "lora", "lora": {"rank": 4, "alpha": 8}, "checkpointing": name != "kept"}
        trainer = tuning(tmp_path / "base", folder, tmp_path / name, **settings).train()
        losses[name] = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        assert trainer.args.activation_checkpointing_kwargs == ({"use_reentrant": True} if name == "zero3" else None)
    assert len({*losses["kept"]}) == 4, "it learns"
    assert losses["twice"] == pytest.approx(losses["kept"], rel=1e-4)
    assert losses["zero3"] == pytest.approx(losses["kept"], rel=1e-4)


def test_a_guard_learns_its_teachers_probabilities(tmp_path: Path) -> None:
    """The teacher says the contrary of the labels, and alone counts."""
    make_teachable(tmp_path / "base")
    folder = data(tmp_path / "set")
    outcomes = [
        outcome(
            item.rating,
            said(UNSAFE, 0.9 if item.rating is SAFE else 0.1, policy=folder.policy_of(item)),
            image=item.image,
            category=item.category,
            number=number,
        )
        for number, item in enumerate(folder)
    ]
    (tmp_path / "said").mkdir()
    write_outcomes(tmp_path / "said" / "outcomes.parquet", outcomes)
    settings = {"outcomes": str(tmp_path / "said"), "weight": 1.0}
    run = tuning(
        tmp_path / "base", folder, tmp_path / "run", steps=60, batch=6, learning_rate=1e-2, teacher=settings,
        rationales=False, warmup=0.1,
    )  # fmt: skip
    trainer = run.train()
    collator: Any = trainer.data_collator
    assert isinstance(collator, Collator)
    assert run.recipe.teacher is not None
    assert collator.teacher == read_teacher(run.recipe.teacher, folder, chosen(folder, Split.TRAIN))
    model: Any = trainer.model
    model.eval()
    wrong = 0
    for number in range(12):
        lesson = collator.lesson(number)
        batch = collator([{"number": number}])
        batch = {key: value for key, value in batch.items() if key not in ("weights", "soft", "labels")}
        with torch.inference_mode():
            logits = model(**batch).logits[0, lesson.deciding[0] - 1]
        rating = lesson.soft[0]
        learnt = logits[list(rating.options)].softmax(-1)
        wrong += int(learnt.argmax()) != int(torch.tensor(rating.probabilities).argmax())
    assert wrong <= 2
