"""Lessons side by side, as transformers' models take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Sample
from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.train.tuning.attacked import Change, Changing
from eyeward.train.tuning.lessons import Distribution, Lesson, SoftTarget, Teaching
from eyeward.train.tuning.teacher import QuestionKey, question_of

IGNORED = -100
"""The label of what is not learnt."""
NUMBER = "number"
"""The one column of the dataset that the trainer shuffles: the places of samples."""


@dataclass(frozen=True)
class Collator:
    """Makes batches of samples by their numbers; runs in the workers of a DataLoader."""

    teaching: Teaching
    folder: SampleFolder
    samples: Sequence[Sample]
    checkpoint: LoadedCheckpoint
    teacher: Mapping[QuestionKey, Distribution]
    label_weight: float = 1.0
    changing: Changing | None = None

    def __call__(self, rows: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        """Return a batch.

        It holds `input_ids`, `attention_mask`, `labels` and `weights` [rows, tokens], what the family's vision tower
        takes, and `soft`, the teacher's targets of each row.
        """
        numbers = [row[NUMBER] for row in rows]
        changes: list[Change | None] = [None] * len(rows)
        if self.changing is not None:
            changes = self.changing.drawn(numbers)
        lessons = [self.lesson(number, change) for number, change in zip(numbers, changes, strict=True)]
        pad = self.checkpoint.tokenizer.pad_token_id
        ids = padded([lesson.tokens for lesson in lessons], self.checkpoint.eos_token_ids[0] if pad is None else pad)
        places = torch.arange(ids.shape[1])
        ends = torch.tensor([len(lesson.tokens) for lesson in lessons])[:, None]
        answers = torch.tensor([lesson.answer for lesson in lessons])[:, None]
        batch: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": (places < ends).long(),
            "labels": ids.masked_fill((places < answers) | (places >= ends), IGNORED),
            "weights": torch.stack([self._weights(lesson, ids.shape[1]) for lesson in lessons]),
            "soft": [lesson.soft for lesson in lessons],
        }
        if self.checkpoint.family.axes > 1:
            batch["mm_token_type_ids"] = (ids == self.checkpoint.image_token_id).long()
        return batch | self.checkpoint.family.inputs([lesson.image for lesson in lessons])

    def lesson(self, number: int, change: Change | None = None) -> Lesson:
        """Make the lesson of a sample, its picture changed or as it is."""
        sample = self.samples[number]
        word = self.teacher.get(question_of(self.folder, sample)) if self.teacher else None
        return self.teaching.lesson(self.folder, sample, word, change)

    def _weights(self, lesson: Lesson, width: int) -> Tensor:
        """Weigh the tokens of an answer; their mean is one, so that the size of the loss stays."""
        weights = torch.zeros(width)
        weights[lesson.answer : len(lesson.tokens)] = 1.0
        weights[list(lesson.deciding)] = self.label_weight
        return weights * (len(lesson.tokens) - lesson.answer) / weights.sum()


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Stack rows of token ids, [rows, tokens], with `value` behind the shorter ones."""
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)


def soft_places(soft: Sequence[Sequence[SoftTarget]]) -> list[tuple[int, SoftTarget]]:
    """List the targets of a batch with their rows."""
    return [(row, target) for row, targets in enumerate(soft) for target in targets]
