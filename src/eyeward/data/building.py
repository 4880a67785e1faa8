"""From imported folders to one data set: copies found, contradictions named, every group on one side."""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from eyeward.data.augment.labelling import Labeller, by_annotation
from eyeward.data.augment.recipe import Augmentation, Augmented, augment
from eyeward.data.duplicates import NEAR_BITS, Groups, near_pairs
from eyeward.data.events import LabelEvent, fold
from eyeward.data.folder import IMAGES_FOLDER, SampleWriter, default_policy, make_empty
from eyeward.data.identity import Identity, identify
from eyeward.data.importing.own import read_own
from eyeward.data.importing.row import Discard, Row, Unread
from eyeward.data.item import Item, group_names, members
from eyeward.data.report import EXAMPLES, BuildReport, Report, Tally
from eyeward.data.sample import Asked, Sample
from eyeward.data.split import Plan, Sides, split
from eyeward.errors import UsageError
from eyeward.images.hashes import THUMBNAIL_SIDE
from eyeward.policy.schema import Policy
from eyeward.verdict import Failure

DISCARDED_FILE = "discarded.jsonl"
REPORT_FILE = "build.json"
_READ_AT_ONCE = 64


class Dropped(StrEnum):
    """Why a build leaves a sample out, besides the reasons of an import."""

    crosses_split = "crosses_split"
    """A copy of its image was given a more protected side."""
    near_duplicate = "near_duplicate"
    """Only where copies are to be dropped."""
    outdated_variant = "outdated_variant"
    """A reviewer changed the label that it was made of."""


class Build:
    """One data set out of several folders."""

    def __init__(
        self,
        out: Path,
        plan: Plan | None = None,
        *,
        near_bits: int | None = NEAR_BITS,
        keep_copies: bool = True,
        resplit: bool = False,
        augmentation: Augmentation | None = None,
        labeller: Labeller = by_annotation,
        events: Sequence[LabelEvent] = (),
    ) -> None:
        """Make the folder.

        Args:
            near_bits: how far apart copies may be; None looks for exact copies only.
            keep_copies: False drops all but the first of the images that look alike.
            resplit: forget the sides that samples were given.
            augmentation: adds the same images under changed policies, each on the side of its image.
            labeller: says what is right under those.
            events: decisions of reviewers about the images; they count before anything else is looked at.
        """
        self._out = out
        self._plan = plan or Plan()
        self._near_bits = near_bits
        self._keep_copies = keep_copies
        self._resplit = resplit
        self._augmentation = augmentation
        self._labeller = labeller
        self._events = events
        self._reviews: Report | None = None
        self._tally = Tally()
        self._numbers: dict[str, int] = {}
        self._seen: list[Identity] = []
        make_empty(out)

    def run(self, folders: Sequence[Path], progress: Callable[[], None] = lambda: None) -> BuildReport:
        """Read the folders, and write the data set; `labels.jsonl` is written last.

        Raises:
            DataError: for a folder without labels.
        """
        if not folders:
            raise UsageError("There is nothing to build from; name the folders of imports.")
        (self._out / IMAGES_FOLDER).mkdir()
        with (self._out / DISCARDED_FILE).open("w", encoding="utf-8", newline="\n") as self._discarded:
            items = self._with_one_label(self._reviewed(list(self._read(folders, progress))))
            pairs = self._near_pairs()
            groups = self._groups(items, pairs)
            if not self._keep_copies:
                items = self._without_copies(items, pairs)
            names = group_names(items, groups, self._seen)
            items = [
                replace(item, sample=item.sample.model_copy(update={"group": names[groups.of(item.image)]}))
                for item in items
            ]
            sides = split(members(items), self._plan)
            kept = list(self._on_their_side(items, sides))
        samples = [self._with_image(item) for item in kept]
        augmented = Augmented(tuple(samples), {})
        if self._augmentation is not None:
            augmented = augment(samples, self._augmentation, _policy_of, self._labeller)
        report = self._report(kept, pairs, sides).model_copy(
            update={"augmented": len(augmented.samples) - len(samples), "left_out": augmented.left_out}
        )
        writer = SampleWriter(self._out)
        for sample in augmented.samples:
            writer.write(sample)
        (self._out / REPORT_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8", newline="\n")
        writer.finish()
        return report

    def _read(self, folders: Sequence[Path], progress: Callable[[], None]) -> Iterator[Item]:
        with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
            for folder in folders:
                for block in _blocks(read_own(folder, folder), _READ_AT_ONCE):
                    rows = [row for row in block if isinstance(row, Row)]
                    seen = dict(zip(map(id, rows), pool.map(_identify, rows), strict=True))
                    for row in block:
                        item = self._item(row, seen.get(id(row)))
                        if item is not None:
                            yield item
                        progress()

    def _item(self, row: Row | Unread, seen: Identity | Failure | None) -> Item | None:
        if isinstance(row, Unread):
            self._discard(row.reason, row.message, row.place, row.rows)
            return None
        if isinstance(seen, Failure):
            self._discard(seen.type, f"{row.place}: {seen.message}", row.place)
            return None
        assert seen is not None and row.sample is not None and isinstance(row.image, Path)
        number = self._numbers.setdefault(seen.sha256, len(self._numbers))
        if number == len(self._seen):
            self._seen.append(seen)
        sample = row.sample.model_copy(update={"split": None}) if self._resplit else row.sample
        return Item(sample, row.image, row.place, number)

    def _reviewed(self, items: list[Item]) -> list[Item]:
        """Apply what reviewers decided; variants of a label that they changed are left out, for they follow from it."""
        if not self._events:
            return items
        done = fold([(item.sample, self._seen[item.image].sha256) for item in items], self._events, _policy_of)
        self._reviews = done.report
        after = [replace(item, sample=sample) for item, sample in zip(items, done.samples, strict=True)]
        plain = [(old, new) for old, new in zip(items, after, strict=True) if not old.sample.augmented]
        turned = {new.image for old, new in plain if old.label != new.label}
        kept: list[Item] = []
        for place, item in enumerate(after):
            if item.sample.augmented and item.image in turned and place not in done.changed:
                message = f"{item.place}: it was made of a label that a reviewer has changed; augment again."
                self._discard(Dropped.outdated_variant, message, item.place)
            else:
                kept.append(item)
        return kept

    def _with_one_label(self, items: list[Item]) -> list[Item]:
        """Discard what an image is labelled twice under one policy: the second of equal labels, all of others."""
        labels: defaultdict[tuple[int, Asked], set[tuple[str, ...]]] = defaultdict(set)
        for item in items:
            labels[item.question].add(item.label)
        kept: list[Item] = []
        known: set[tuple[int, Asked]] = set()
        for item in items:
            question = item.question
            if len(labels[question]) > 1:
                message = f"{item.place}: the image has another label in another row; settle which is right."
                self._discard(Discard.two_labels, message, item.place)
            elif question in known:
                message = f"{item.place}: the image has the same label in another row."
                self._discard(Discard.same_label_again, message, item.place)
            else:
                known.add(question)
                kept.append(item)
        return kept

    def _near_pairs(self) -> list[tuple[int, int]]:
        if self._near_bits is None or not self._seen:
            return []
        hashes = np.array([seen.hash for seen in self._seen], dtype=np.uint64)
        levels = b"".join(seen.thumbnail for seen in self._seen)
        thumbnails = np.frombuffer(levels, dtype=np.uint8).reshape(-1, THUMBNAIL_SIDE**2)
        return list(near_pairs(hashes, thumbnails, self._near_bits))

    def _groups(self, items: list[Item], pairs: list[tuple[int, int]]) -> Groups:
        """Join images that look alike and those whose sources put them into one group."""
        groups = Groups(len(self._seen))
        groups.join(pairs)
        first: dict[tuple[str | None, str], int] = {}
        for item in items:
            groups.join([(first.setdefault((item.sample.source, item.sample.group), item.image), item.image)])
        return groups

    def _without_copies(self, items: list[Item], pairs: list[tuple[int, int]]) -> list[Item]:
        alike = Groups(len(self._seen))
        alike.join(pairs)
        kept: list[Item] = []
        shown: dict[int, int] = {}
        for item in items:
            if shown.setdefault(alike.of(item.image), item.image) == item.image:
                kept.append(item)
            else:
                message = f"{item.place}: the image looks like one that is kept."
                self._discard(Dropped.near_duplicate, message, item.place)
        return kept

    def _on_their_side(self, items: list[Item], sides: Sides) -> Iterator[Item]:
        for item in items:
            side = sides.of[item.sample.group]
            if item.sample.split not in (None, side):
                message = f"{item.place}: it was given to {item.sample.split}, but a copy of its image to {side}."
                self._discard(Dropped.crosses_split, message, item.place)
            else:
                yield replace(item, sample=item.sample.model_copy(update={"split": side}))

    def _report(self, items: list[Item], pairs: list[tuple[int, int]], sides: Sides) -> BuildReport:
        self._tally.taken = len(items)
        images: defaultdict[str, set[int]] = defaultdict(set)
        labels: defaultdict[int, dict[str, Item]] = defaultdict(dict)
        for item in items:
            images[item.sample.group].add(item.image)
            labels[item.image][item.sample.policy_hash or ""] = item
        disputed = [
            f"{item.place} and {labels[other][policy].place}"
            for one, other in pairs
            for policy, item in labels[one].items()
            if policy in labels[other] and labels[other][policy].sample.rating is not item.sample.rating
        ]
        alike = {image for pair in pairs for image in pair}
        return BuildReport(
            rows=self._tally.report(),
            images=len({item.image for item in items}),
            groups=len(images),
            groups_of_copies=sum(len(group & alike) > 1 for group in images.values()),
            largest_group=max(map(len, images.values()), default=0),
            disputed=tuple(disputed[:EXAMPLES]),
            disputed_pairs=len(disputed),
            missing={
                side.value: {f"{stratum.category} {stratum.level}": number for stratum, number in lacking.items()}
                for side, lacking in sides.missing.items()
                if lacking
            },
            plan=self._plan,
            reviewed=self._reviews,
        )

    def _with_image(self, item: Item) -> Sample:
        """Copy the image of an item, and return its sample with the path of the copy."""
        sha256 = self._seen[item.image].sha256
        image = f"{IMAGES_FOLDER}/{sha256[:2]}/{sha256}{item.path.suffix.lower()}"
        target = self._out / image
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(item.path, target)
        return item.sample.model_copy(update={"image": image})

    def _discard(self, reason: StrEnum, message: str, place: str, rows: int = 1) -> None:
        self._tally.discard(reason.value, message, rows)
        line = {"reason": reason.value, "message": message, "place": place}
        self._discarded.write(json.dumps(line, ensure_ascii=False) + "\n")


def _identify(row: Row) -> Identity | Failure:
    assert isinstance(row.image, Path)
    return identify(row.image)


def _blocks(rows: Iterator[Row | Unread], size: int) -> Iterator[list[Row | Unread]]:
    block: list[Row | Unread] = []
    for row in rows:
        block.append(row)
        if len(block) == size:
            yield block
            block = []
    yield block


def _policy_of(sample: Sample) -> Policy:
    return sample.policy if isinstance(sample.policy, Policy) else default_policy()
