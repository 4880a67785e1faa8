"""A data set with a reason for every label: the same samples, labels and images in a new folder.

A run that was stopped goes on where it was: what teachers wrote is kept as it comes (`ledger.py`), the labels are
written last. Nothing but `rationale` and `rationale_from` of a sample ever changes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.rationales.attempts import MOST_RETRIES, Lesson, explain, faults_of
from eyeward.data.rationales.grounds import Groundless, Grounds, from_label, grounds_of, with_grounds
from eyeward.data.rationales.ledger import Ledger, Taught, Trouble
from eyeward.data.rationales.origin import RationaleOrigin, Writer
from eyeward.data.rationales.record import open_run
from eyeward.data.rationales.report import Count, RationaleReport
from eyeward.data.rationales.teacher import Explanandum, Teacher
from eyeward.data.sample import Sample
from eyeward.errors import UsageError
from eyeward.guard.decoding import DecodedAhead, pixels_of
from eyeward.guard.guard import BATCH_PIXELS, Guard
from eyeward.images import DecodedImage
from eyeward.policy.schema import Policy
from eyeward.verdict import Failure

REPORT_FILE = "rationales.json"
RETRIES = 2
ASKED_FOR = "asked_for"
"""Why a reason that stood there was not kept where nothing is wrong with it."""

Describer = Callable[[Sample, Policy], str | None]
"""Gives the reason of a sample that needs no teacher, such as a drawn scene; None for others."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A sample on its way through a run."""

    place: int
    sample: Sample
    policy: Policy
    grounds: Grounds | Groundless
    kept: Sample | None
    """The sample as it stays, where it has a reason with which nothing is wrong."""
    faults: tuple[str, ...] = ()
    """What is wrong with the reason that it has."""


class Rationales:
    """One run over a folder of samples."""

    def __init__(
        self,
        folder: Path,
        out: Path,
        teachers: Sequence[Guard] = (),
        *,
        retries: int = RETRIES,
        from_rules: bool = False,
        rewrite: bool = False,
        limit: int | None = None,
        describe: Describer = lambda sample, policy: None,
    ) -> None:
        """Begin, or go on with a run that was stopped.

        Args:
            teachers: guards that write reasons, the first one first; none leaves everything to the rules.
            retries: how often a label is explained anew when something is wrong with the reason.
            from_rules: where no teacher wrote anything good, say what follows from the label; else it has no reason.
            rewrite: replace reasons that are there, too, and not only those with faults.
            limit: take the first samples only.
            describe: gives reasons that are known without a teacher; they come before those from rules.

        Raises:
            UsageError: when `out` holds something else, or a run of other teachers or about other labels; when a
                guard writes no reasons; when nobody is to write.
            DataError: for a folder without labels, with labels that cannot be read, or a damaged `taught.jsonl`.
        """
        if not teachers and not from_rules:
            raise UsageError("Nobody is to write the reasons: name a teacher, or have them written from rules.")
        if not 0 <= retries <= MOST_RETRIES:
            raise UsageError(f"A label is explained again 0 to {MOST_RETRIES} times, not {retries}.")
        self._folder = SampleFolder(folder)
        self._out = out
        self._teachers = [Teacher(guard) for guard in teachers]
        self._retries = retries
        self._from_rules = from_rules or not teachers
        self._rewrite = rewrite
        self._describe = describe
        self._items = [self._item(*numbered) for numbered in enumerate(islice(self._folder, limit))]
        open_run(folder, out, [teacher.guard.model for teacher in self._teachers], retries)
        self._ledger = Ledger(out)

    @property
    def samples(self) -> int:
        """How many samples there are to go through."""
        return len(self._items)

    def run(self, progress: Callable[[], None] = lambda: None) -> RationaleReport:
        """Have the reasons written; `progress` is called once for each sample.

        Whatever ends it, what teachers wrote is kept. A batch that was with an engine is asked for again.
        """
        wanted = [item for item in self._items if item.kept is None and isinstance(item.grounds, Grounds)]
        waiting = [item for item in wanted if self._teachers and item.place not in self._ledger.taught]
        for _ in range(len(self._items) - len(waiting)):
            progress()
        taught = {item.place: self._ledger.taught[item.place] for item in wanted if item.place in self._ledger.taught}

        def done(entry: Taught) -> None:
            taught[entry.place] = entry
            if entry.settled:
                self._ledger.add(entry)
            progress()

        with self._ledger.open(), closing(self._lessons(waiting, done)) as batches:
            for lessons in batches:
                explain(lessons, self._teachers, self._retries, done)
                self._ledger.sync()
        return self._finish(taught)

    def _item(self, place: int, sample: Sample) -> _Item:
        policy = self._folder.policy_of(sample)
        grounds = grounds_of(sample, policy)
        text = (sample.rationale or "").strip()
        if not text:
            return _Item(place, sample, policy, grounds, None)
        if self._rewrite:
            return _Item(place, sample, policy, grounds, None, (ASKED_FOR,))
        whole = with_grounds(text, grounds) if isinstance(grounds, Grounds) else text
        faults = faults_of(text, sample, policy) or faults_of(whole, sample, policy)
        if faults:
            return _Item(place, sample, policy, grounds, None, tuple(fault.value for fault in faults))
        if whole == text:
            return _Item(place, sample, policy, grounds, sample)
        origin = sample.rationale_from or RationaleOrigin(writer=Writer.before)
        return _Item(place, sample, policy, grounds, _explained(sample, whole, _added(origin)))

    def _lessons(self, items: Sequence[_Item], done: Callable[[Taught], None]) -> Generator[list[Lesson], None, None]:
        """Give labels with their pictures, in batches that fit the engine; samples of one image share its picture."""
        if not items:
            return
        groups = (list(group) for _, group in groupby(items, key=lambda item: item.sample.image))
        count = max(teacher.at_once for teacher in self._teachers)
        limits = self._teachers[0].guard.limits
        ahead = DecodedAhead(groups, lambda group: self._folder.image_of(group[0].sample), limits, count, BATCH_PIXELS)
        batch: list[Lesson] = []
        pixels = 0
        for group, decoded in ahead:
            batch += [lesson for item in group if (lesson := _lesson(item, decoded, done)) is not None]
            pixels += pixels_of(decoded)
            if len(batch) >= count or pixels >= BATCH_PIXELS:
                yield batch
                batch, pixels = [], 0
        yield batch

    def _finish(self, taught: dict[int, Taught]) -> RationaleReport:
        """Write the data set, its labels last."""
        count = Count()
        missing = self._copy_images()
        writer = SampleWriter(self._out)
        writer.add_policies(self._folder.policies.values())
        for item in self._items:
            writer.write(self._final(item, taught.get(item.place), count))
        report = count.report(taught.values(), missing)
        text = report.model_dump_json(indent=2) + "\n"
        (self._out / REPORT_FILE).write_text(text, encoding="utf-8", newline="\n")
        writer.finish()
        return report

    def _final(self, item: _Item, taught: Taught | None, count: Count) -> Sample:
        if item.kept is not None:
            if item.kept is item.sample:
                count.kept += 1
            else:
                count.written[Writer.before] += 1
            return item.kept
        count.replaced.update(item.faults)
        if taught is not None and taught.rationale is not None:
            count.written[Writer.teacher] += 1
            return _explained(item.sample, taught.rationale, taught.origin)
        refused = () if taught is None else taught.refused
        if self._from_rules:
            for writer, text in self._known(item):
                faults = faults_of(text, item.sample, item.policy)
                if not faults:
                    count.written[writer] += 1
                    return _explained(item.sample, text, RationaleOrigin(writer=writer, refused=refused))
        reason, message = self._why_none(item, taught)
        count.without(reason, f"{item.sample.image}: {message}")
        return item.sample.model_copy(update={"rationale": None, "rationale_from": None})

    def _known(self, item: _Item) -> Iterator[tuple[Writer, str]]:
        """Give the reasons that need no teacher."""
        scene = self._describe(item.sample, item.policy)
        if scene is not None:
            yield Writer.scene, scene
        if isinstance(item.grounds, Grounds):
            yield Writer.rules, from_label(item.sample, item.grounds)

    def _why_none(self, item: _Item, taught: Taught | None) -> tuple[str, str]:
        if isinstance(item.grounds, Groundless):
            return item.grounds.value, f"{item.sample.rating} and {item.sample.category!r} do not go with its policy."
        if taught is not None and taught.refused:
            last = taught.refused[-1]
            said = [trouble.message for trouble in taught.troubles if trouble.obstacle in last.objections]
            return last.objections[0].value, said[-1] if said else f"refused in {len(taught.refused)} attempts."
        if taught is not None and taught.troubles:
            return taught.troubles[-1].obstacle.value, taught.troubles[-1].message
        text = from_label(item.sample, item.grounds)
        return faults_of(text, item.sample, item.policy)[0].value, f"{text!r} follows from the label."

    def _copy_images(self) -> int:
        """Copy what is not there yet, and return how many images are missing."""
        missing = 0
        for image in dict.fromkeys(item.sample.image for item in self._items):
            target = self._out / image
            if target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}.unfinished")
            try:
                shutil.copyfile(self._folder.path / image, unfinished)
            except FileNotFoundError:
                missing += 1
            else:
                unfinished.replace(target)
        return missing


def _lesson(item: _Item, decoded: DecodedImage | Failure, done: Callable[[Taught], None]) -> Lesson | None:
    if isinstance(decoded, Failure):
        done(Taught(place=item.place, troubles=(Trouble(obstacle=decoded.type, message=decoded.message),)))
        return None
    assert isinstance(item.grounds, Grounds)
    frames = tuple(frame.pixels for frame in decoded.frames)
    wanted = Explanandum(item.sample, item.policy, item.grounds.excepted, frames)
    return Lesson(item.place, wanted, item.grounds)


def _explained(sample: Sample, rationale: str, origin: RationaleOrigin) -> Sample:
    return sample.model_copy(update={"rationale": rationale, "rationale_from": origin})


def _added(origin: RationaleOrigin) -> RationaleOrigin:
    return origin.model_copy(update={"grounds_added": True})
