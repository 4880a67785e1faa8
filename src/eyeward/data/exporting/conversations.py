"""Conversations in files that trainers read: LLaVA's JSON, ShareGPT for LLaMA-Factory, messages for ms-swift.

The images lie beside, in `images/`. Whatever the turns do not say of a sample stands under a key of its own, which
trainers leave alone, so that an import makes the same sample of it.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import IO

from eyeward.data.exporting.sink import Item, LeftOut, SideSize
from eyeward.data.exporting.turns import Turns, marks_in, turns_of
from eyeward.data.importing.own import SAMPLE_KEY, sample_beside
from eyeward.guard.card import EyewardCard

DATASET_INFO_FILE = "dataset_info.json"
_KEPT = ("severity", "split", "annotator", "source", "licence", "group")
"""Fields of a sample that stand beside its turns for everybody to read."""


class Trainer(StrEnum):
    """Who reads the conversations."""

    llava = "llava"
    llama_factory = "llama-factory"
    ms_swift = "ms-swift"


class ConversationSink:
    """Writes `SIDE.json` or `SIDE.jsonl`, and `images/`."""

    def __init__(self, out: Path, trainer: Trainer, card: EyewardCard, name: str = "") -> None:
        """Word conversations as `card` says; `name` is what the data set is called, for LLaMA-Factory."""
        self._out = out
        self._trainer = trainer
        self._card = card
        self._name = name or out.name
        self._sides: dict[str, _File] = {}
        self.without_rationale = 0
        """Answers whose key for a rationale is left out."""

    def write(self, item: Item) -> None:
        """Take a sample, and copy its image."""
        behind_image = "\n" if self._trainer is Trainer.llava else ""
        turns = turns_of(item.sample, item.policy, self._card, behind_image)
        marks = marks_in(turns)
        if marks:
            message = f"{item.sample.image}: {marks[0]!r} stands in its policy or rationale, and trainers replace it."
            raise LeftOut("mark_in_text", message)
        self._copy(item)
        side = self._sides.get(item.side)
        if side is None:
            suffix = "json" if self._trainer is Trainer.llava else "jsonl"
            side = self._sides[item.side] = _File(self._out / f"{item.side}.{suffix}")
        row = _row(side.rows, item, turns, self._trainer)
        side.write(row | {SAMPLE_KEY: sample_beside(row, item.inline)})
        self.without_rationale += item.sample.rationale is None

    def finish(self) -> dict[str, SideSize]:
        """Close the files."""
        sizes = {name: file.finish() for name, file in self._sides.items()}
        if self._trainer is Trainer.llama_factory:
            info = {f"{self._name}_{side}": _described(size.files[0]) for side, size in sizes.items()}
            text = json.dumps(info, ensure_ascii=False, indent=2) + "\n"
            (self._out / DATASET_INFO_FILE).write_text(text, encoding="utf-8", newline="\n")
        return sizes

    def _copy(self, item: Item) -> None:
        target = self._out / item.sample.image
        if not target.exists():
            data = item.read()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


class _File:
    """Rows as an array, or a row a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name}")
        self._file: IO[str] = self._unfinished.open("w", encoding="utf-8", newline="\n")
        self._array = path.suffix == ".json"
        self.rows = 0

    def write(self, row: dict[str, object]) -> None:
        if self._array:
            self._file.write(",\n" if self.rows else "[\n")
        self._file.write(json.dumps(row, ensure_ascii=False))
        if not self._array:
            self._file.write("\n")
        self.rows += 1

    def finish(self) -> SideSize:
        if self._array:
            self._file.write("\n]\n")
        self._file.close()
        self._unfinished.rename(self._path)
        return SideSize(samples=self.rows, bytes=self._path.stat().st_size, files=(self._path.name,))


def _row(number: int, item: Item, turns: Turns, trainer: Trainer) -> dict[str, object]:
    """Return a row with the same keys as every other and no nulls: readers of JSON lines guess types."""
    image = item.sample.image
    kept = {field: str(getattr(item.sample, field) or "") for field in _KEPT}
    if trainer is Trainer.ms_swift:
        return {"messages": _said(turns, ("role", "user", "assistant", "content")), "images": [image], **kept}
    conversation = _said(turns, ("from", "human", "gpt", "value"))
    if trainer is Trainer.llama_factory:
        return {"conversations": conversation, "images": [image], **kept}
    return {"id": f"{number:08d}", "image": image, "conversations": conversation, **kept}


def _said(turns: Turns, words: tuple[str, str, str, str]) -> list[dict[str, str]]:
    role, asking, answering, content = words
    return [{role: asking, content: turns.prompt}, {role: answering, content: turns.answer}]


def _described(file: str) -> dict[str, object]:
    """Return how LLaMA-Factory is told what a file holds."""
    return {
        "file_name": file,
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "images": "images"},
        "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
    }
