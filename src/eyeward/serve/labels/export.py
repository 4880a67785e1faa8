"""Labels leave: as training data, as events for `eyeward data build`, and as the labels of an audit sample."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from eyeward.annotate.audit.frame import Place
from eyeward.annotate.audit.sample import COLUMNS, as_it_was, beside, read_sample
from eyeward.annotate.record import read_run
from eyeward.data.folder import IMAGES_FOLDER, SampleWriter, default_policy, make_empty
from eyeward.data.report import Report, Tally
from eyeward.data.sample import Sample
from eyeward.errors import ImageError, UsageError
from eyeward.images.formats import Format, sniff
from eyeward.images.known import KnownHashes
from eyeward.serve.labels.candidates import images_at
from eyeward.serve.labels.fold import LabelRow, deciding
from eyeward.serve.labels.pictures import each_image
from eyeward.serve.labels.records import Item, ReviewEvent, State
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import Rating

_ENDINGS = {form: f".{form.value.lower()}" for form in Format}


class NotExported(StrEnum):
    """Why an item, or an image of a sample, has no label, besides the errors of its image."""

    open = "open"
    """Raters have still to answer."""
    contested = "contested"
    """Raters differ, and nobody has adjudicated."""
    not_queued = "not_queued"
    """The image of a sample is not in the queue."""


def export_samples(store: LabelStore, queue: str, out: Path, known: KnownHashes | None = None) -> Report:
    """Write the settled items of a queue as a folder of samples: `labels.jsonl` and the images.

    Raises:
        NoSuchThing: when there is no such queue.
        UsageError: when the folder is not empty.
    """
    policy = store.queue(queue).policy
    rows = store.rows(queue)
    settled = {row.image_sha256 for row in rows if row.label is not None}
    items = [item for item in store.items(queue) if item.image_sha256 in settled]
    make_empty(out)
    (out / IMAGES_FOLDER).mkdir()
    images = _written(items, out, known)
    writer, tally = SampleWriter(out), Tally()
    for row in rows:
        if row.label is None:
            _leave_out(tally, row)
            continue
        image = images[row.image_sha256]
        if isinstance(image, ImageError):
            tally.discard(image.type, f"{row.image_sha256[:16]}…: {image.message}")
            continue
        writer.write(
            Sample(
                image=image,
                category=row.label.category,
                rating=row.label.rating,
                severity=row.label.severity,
                rationale=row.label.rationale or None,
                annotator=", ".join(row.users),
                source=f"review/{queue}",
                group=f"image-{row.image_sha256[:16]}",
                policy=None if policy.hash == default_policy().hash else policy,
            )
        )
        tally.taken += 1
    writer.finish()
    return tally.report()


def export_events(store: LabelStore, queue: str, file: Path) -> int:
    """Write the deciding events of settled items, one a line, as `eyeward data build` reads them; return how many.

    Raises:
        NoSuchThing: when there is no such queue.
        UsageError: when the file is there already.
    """
    of_item: defaultdict[str, list[ReviewEvent]] = defaultdict(list)
    for event in store.events(queue):
        of_item[event.image_sha256].append(event)
    decided = [event for row in store.rows(queue) for event in deciding(row, of_item[row.image_sha256])]
    lines = [f"{event.plain().model_dump_json()}\n" for event in decided]
    _new(file)
    file.write_text("".join(lines), encoding="utf-8", newline="\n")
    return len(lines)


def export_audit(store: LabelStore, queue: str, run: Path, sample: Path, out: Path) -> Report:
    """Write the CSV of an audit sample with the labels of settled items, for `eyeward audit DIR --labels`.

    Raises:
        NoSuchThing: when there is no such queue.
        UsageError: when the sample is not one of the run and the policy, or `out` is there already.
    """
    policy, drawn = store.queue(queue).policy, read_sample(sample)
    if drawn.fingerprint != read_run(run).fingerprint:
        raise UsageError(f"{sample} was drawn from another run than {run}; name that one.")
    if drawn.policy_hash != policy.hash:
        raise UsageError(f"{sample} was drawn under the policy {drawn.policy!r}, the queue is about {policy.name!r}.")
    rows = {row.image_sha256: row for row in store.rows(queue)}
    images = images_at(run, policy, [Place(shard, index) for shard, index, _ in drawn.places])
    ids = {category.label: category.id for category in policy.categories}
    tally = Tally()
    with sample.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        columns, lines = list(reader.fieldnames or ()), list(reader)
    if not set(COLUMNS) <= set(columns):
        raise UsageError(f"{sample} has not the columns that `eyeward audit sample` wrote; name the file as it was.")
    for line in lines:
        row = rows.get(images.get(_place(line), ""))
        line["label"] = line["category"] = ""
        if row is None:
            tally.discard(NotExported.not_queued, f"The image {line['key']} is not in the queue {queue!r}.")
        elif row.label is None:
            _leave_out(tally, row)
        else:
            line["label"] = row.label.rating.value
            line["category"] = ids[row.label.category] if row.label.rating is Rating.Unsafe else ""
            tally.taken += 1
    _new(out)
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(lines)
    shutil.copyfile(beside(sample), beside(out))
    return tally.report()


def _written(items: Sequence[Item], out: Path, known: KnownHashes | None) -> dict[str, str | ImageError]:
    """Write images in the order in which they lie; return where each is now, or why it is nowhere."""
    written: dict[str, str | ImageError] = {}
    for item, data in each_image(items, known=known):
        sha256 = item.image_sha256
        try:
            if isinstance(data, ImageError):
                raise data
            written[sha256] = image = f"{IMAGES_FOLDER}/{sha256}{_ENDINGS[sniff(sha256, data)]}"
        except ImageError as problem:
            written[sha256] = problem
        else:
            (out / image).write_bytes(data)
    return written


def _leave_out(tally: Tally, row: LabelRow) -> None:
    image = f"{row.image_sha256[:16]}…"
    if row.state is State.contested:
        tally.discard(NotExported.contested, f"Raters differ about the image {image}; adjudicate it.")
    else:
        tally.discard(NotExported.open, f"Not all raters have answered about the image {image}.")


def _place(line: dict[str, str]) -> Place:
    try:
        return Place(as_it_was(line["shard"]), int(line["index"]))
    except ValueError:
        return Place("", -1)


def _new(file: Path) -> None:
    if file.exists():
        raise UsageError(f"{file} is there already, and nothing is overwritten; name another file.")
