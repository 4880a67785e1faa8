"""TRL's trainer, with what ours adds: tokens that count for more, and a teacher's probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import TrainerCallback
from trl.trainer.sft_trainer import SFTTrainer

from eyeward.train.tuning.attacked import Changing
from eyeward.train.tuning.batches import IGNORED, soft_places
from eyeward.train.tuning.lessons import SoftTarget


class StepCounter(TrainerCallback):
    """Calls a function after every step, those included that were made before a run was stopped."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self._advance = advance
        self._seen = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Catch up with the trainer."""
        for _step in range(self._seen, state.global_step):
            self._advance()
        self._seen = state.global_step


class EpochTeller(TrainerCallback):
    """Tells what changes pictures which epoch begins, before the processes start that make images ready."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Pass the number on; where a run goes on, the trainer's state has it from before."""
        self._changing.epoch = int(state.epoch or 0)


class GuardTrainer(SFTTrainer):
    """Learns answers; plain ones exactly as its parent does."""

    teacher_weight = 0.0
    """Share of the loss that a teacher's probabilities have."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss of a batch."""
        weights, soft = inputs.pop("weights"), inputs.pop("soft")
        plain = not any(soft) and bool(((weights == 0) | (weights == 1)).all())
        if plain or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")
        places = places_to_score(labels)
        logits = model(**inputs, use_cache=False, logits_to_keep=places).logits
        items = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        total = weighted_loss(logits, labels, weights, soft, places, self.teacher_weight)
        return self._over_devices(total / items, num_items_in_batch)

    def _over_devices(self, loss: Tensor, items: Any) -> Tensor:
        """Undo the mean over devices where items of all of them were counted; as transformers' trainer does."""
        return loss if items is None or not self.args.average_tokens_across_devices else loss * self.args.world_size


def places_to_score(labels: Tensor) -> Tensor:
    """Return the places, in any row, from which a learnt token is predicted."""
    return (labels[:, 1:] != IGNORED).any(dim=0).nonzero()[:, 0]


def weighted_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    soft: Sequence[Sequence[SoftTarget]],
    places: Tensor,
    teacher_weight: float,
) -> Tensor:
    """Add up what the tokens of answers cost, weighted.

    `logits` are [rows, places, vocabulary], `labels` and `weights` [rows, tokens]. Where there is a teacher's target it
    has `teacher_weight` of the token's share: the cross-entropy of its probabilities with the model's among the same
    options. Engines read labels the same way, as probabilities among the tokens with which answers may go on.
    """
    given, weights = weights, weights.clone()
    column = {place: number for number, place in enumerate(places.tolist())}
    learnt = logits.new_zeros((), dtype=torch.float32)
    for row, target in soft_places(soft):
        options = torch.tensor(target.options, device=logits.device)
        wanted = torch.tensor(target.probabilities, device=logits.device)
        scores = logits[row, column[target.place - 1], options].float()
        learnt = learnt - given[row, target.place] * (wanted * scores.log_softmax(-1)).sum()
        weights[row, target.place] *= 1 - teacher_weight
    hard = functional.cross_entropy(
        logits.flatten(0, 1).float(), labels[:, places + 1].flatten(), reduction="none", ignore_index=IGNORED
    )
    return (hard * weights[:, places + 1].flatten()).sum() + teacher_weight * learnt
