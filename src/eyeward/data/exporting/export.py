"""One export: every sample of a folder is written or named with the reason why not; the card comes last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from eyeward.data.exporting.card import Described, PolicyUse, dataset_card
from eyeward.data.exporting.conversations import ConversationSink, Trainer
from eyeward.data.exporting.parquet import SHARD_BYTES, ParquetSink
from eyeward.data.exporting.picture import category_picture
from eyeward.data.exporting.sink import SIDES, Item, LeftOut, SideSize, Sink
from eyeward.data.exporting.turns import card_like
from eyeward.data.folder import SampleFolder, make_empty
from eyeward.data.importing.row import Discard
from eyeward.data.report import Report, Tally
from eyeward.data.sample import Sample
from eyeward.data.statistics import statistics
from eyeward.errors import DataError, ImageError
from eyeward.policy.schema import Policy
from eyeward.publish.card import CARD_FILE
from eyeward.verdict import NA

PICTURE_FILE = "categories.svg"


class Form(StrEnum):
    """What a data set is written for."""

    parquet = "parquet"
    """`datasets`, and the Hub's viewer."""
    llava = Trainer.llava.value
    llama_factory = Trainer.llama_factory.value
    ms_swift = Trainer.ms_swift.value


class Exported(BaseModel):
    """What an export did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Form
    rows: Report
    sides: dict[str, SideSize]
    without_rationale: int
    """Answers whose key for a rationale is left out; 0 for a table."""
    licences: dict[str, int]
    """Samples by licence; `unknown` where none is stated."""


@dataclass(frozen=True)
class Export:
    """What is to be written."""

    form: Form
    like: str = "mini"
    """Whose questions and answers conversations are worded as: see `card_like`."""
    name: str | None = None
    """What the data set is called; None for the name of its folder."""
    shard_bytes: int = SHARD_BYTES

    def run(self, folder: SampleFolder, out: Path, progress: Callable[[], None] = lambda: None) -> Exported:
        """Write the samples of `folder` into `out`; a folder without the card, which is written last, is unfinished.

        Raises:
            UsageError: when `out` is not empty, or `like` names no guard.
            DataError: for a row that is no sample, and when nothing could be written.
        """
        name = self.name or out.absolute().name
        like = None if self.form is Form.parquet else card_like(self.like)
        make_empty(out)
        conversations = None if like is None else ConversationSink(out, Trainer(self.form.value), like, name)
        writing = _Writing(folder, conversations or ParquetSink(out, self.shard_bytes), progress)
        found = statistics(writing.written())
        written = writing.sink.finish()
        sides = {side: written[side] for side in sorted(written, key=SIDES.index)}
        rows = writing.tally.report()
        if not rows.taken:
            why = f": {rows.discarded[0].examples[0]}" if rows.discarded else ""
            raise DataError(f"There is nothing to export{why}; import or build samples first.", folder.path)
        without_rationale = 0 if conversations is None else conversations.without_rationale
        described = Described(
            name=name,
            form=self.form.value,
            tables=self.form is Form.parquet,
            found=found,
            sides=sides,
            policies=writing.policies,
            left_out={item.reason: item.rows for item in rows.discarded},
            picture=PICTURE_FILE,
            worded_like=None if like is None else self.like,
            without_rationale=without_rationale,
        )
        (out / PICTURE_FILE).write_text(category_picture(found), encoding="utf-8", newline="\n")
        (out / CARD_FILE).write_text(dataset_card(described), encoding="utf-8", newline="\n")
        return Exported(
            form=self.form, rows=rows, sides=sides, without_rationale=without_rationale, licences=found.licences
        )


class _Writing:
    """Samples on their way into a sink, counted as they go by."""

    def __init__(self, folder: SampleFolder, sink: Sink, progress: Callable[[], None]) -> None:
        self.sink = sink
        self.tally = Tally()
        self._folder = folder
        self._progress = progress
        self._policies: dict[str, Policy] = {}
        self._uses: Counter[str] = Counter()

    @property
    def policies(self) -> tuple[PolicyUse, ...]:
        """The policies of what was written, the most frequent first."""
        return tuple(PolicyUse(self._policies[hash], samples) for hash, samples in self._uses.most_common())

    def written(self) -> Iterator[Sample]:
        """Write every sample, and yield those that were."""
        for sample in self._with_progress(self._folder):
            try:
                policy = self._folder.policy_of(sample)
                _check_label(sample, policy)
                self.sink.write(Item(sample, policy, self._folder.image_of(sample)))
            except DataError as problem:
                self.tally.discard(Discard.unreadable_policy.value, problem.message)
            except ImageError as problem:
                self.tally.discard(problem.type.value, problem.message)
            except LeftOut as problem:
                self.tally.discard(problem.reason, problem.message)
            else:
                self.tally.taken += 1
                self._policies.setdefault(policy.hash, policy)
                self._uses[policy.hash] += 1
                yield sample

    def _with_progress(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            yield sample
            self._progress()


def _check_label(sample: Sample, policy: Policy) -> None:
    """Refuse a label that its policy does not have, as an import would."""
    for label in (sample.category, *sample.categories):
        if label not in (*policy.labels, NA):
            message = f"{sample.image}: {label!r} is not in the policy {policy.name!r}."
            raise LeftOut(Discard.unknown_category.value, message)
