"""Makes queues: from what an annotation run says, from a sample of an audit, or from a folder of images."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from eyeward.annotate.audit.frame import Place
from eyeward.annotate.audit.sample import read_sample
from eyeward.annotate.item import as_text
from eyeward.annotate.record import RunRecord, read_run
from eyeward.annotate.sources import IMAGES_PER_SHARD, Source, open_source
from eyeward.annotate.sources.folder import FileShard, media_below
from eyeward.errors import ImageError, UsageError
from eyeward.images import Limits, decode, sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.images.reading import read_image_file
from eyeward.serve.labels.candidates import Candidate, Candidates
from eyeward.serve.labels.pictures import each_at
from eyeward.serve.labels.records import Claim, ImagePlace, Item, Order, Queue, QueueSettings
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import Failure

_MD5_DIGITS = 32


def queue_from_run(
    store: LabelStore,
    settings: QueueSettings,
    run: Path,
    user: str,
    *,
    against: Sequence[Path] = (),
    earlier: str | None = None,
    source: Sequence[str] | None = None,
    known: KnownHashes | None = None,
) -> Queue:
    """Make a queue of the images that a run has judged under the policy of the settings.

    Args:
        against: runs of other guards over the same images; they count for the order `disagreement`.
        earlier: a queue whose raters' answers count for it, too.
        source: where the dataset lies now, if it was moved.
        known: images on these lists are left out, beside those that the run knew.

    Raises:
        UsageError: when there is no run, it did not ask about the policy, nothing is left, or the name is taken.
    """
    if settings.order is Order.drawn:
        raise UsageError("The order `drawn` is that of an audit sample; name one, or another order.")
    record = _record(run)
    candidates = Candidates(run, settings.policy, against, _answers(store, earlier))
    chosen = candidates.first(settings.order, settings.seed, settings.most)
    left_out = candidates.left_out | {"beyond_most": candidates.images - len(chosen)}
    return _keep(store, settings, chosen, _source(record, source), user, left_out, known)


def queue_from_sample(
    store: LabelStore,
    settings: QueueSettings,
    run: Path,
    sample: Path,
    user: str,
    *,
    source: Sequence[str] | None = None,
    known: KnownHashes | None = None,
) -> Queue:
    """Make a queue of a sample that `eyeward audit sample` drew of a run; `sample` is its CSV. It is kept whole.

    Raises:
        UsageError: as `queue_from_run`, or when the sample was drawn from another run or under another policy.
    """
    record, drawn = _record(run), read_sample(sample)
    if drawn.fingerprint != record.fingerprint:
        raise UsageError(f"{sample} was drawn from another run than {run}; name that one.")
    if drawn.policy_hash != settings.policy.hash:
        raise UsageError(f"{sample} was drawn under the policy {drawn.policy!r}; ask about that one.")
    places = [Place(shard, index) for shard, index, _ in drawn.places]
    candidates = Candidates(run, settings.policy)
    chosen = candidates.at(places)
    in_order = settings.model_copy(update={"order": Order.drawn})
    return _keep(
        store, in_order, chosen, _source(record, source), user, {"same_image": len(places) - len(chosen)}, known
    )


def queue_from_folder(
    store: LabelStore, settings: QueueSettings, folder: Path, user: str, *, known: KnownHashes | None = None
) -> Queue:
    """Make a queue of all images in a folder and below; without a guard, every category is unknown.

    Raises:
        UsageError: when there are none, the order wants a guard, or the name is taken.
    """
    if settings.order is not Order.random:
        raise UsageError(f"The order {settings.order} wants a guard; annotate the folder first, or take them by lot.")
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.")
    left_out: Counter[str] = Counter()
    found: dict[str, Path] = {}
    for name in media_below(folder):
        file = (folder / name).resolve()
        try:
            data = read_image_file(file, Limits())
        except ImageError:
            left_out["unreadable"] += 1
            continue
        sha256 = sha256_of_bytes(data)
        if known is not None and known.match(data) is not None:
            left_out["known"] += 1
        elif as_text(str(file)) != str(file) or isinstance(decode(data), Failure):
            left_out["unreadable"] += 1
        elif sha256 in found:
            left_out["same_image"] += 1
        else:
            found[sha256] = file
    by_lot = sorted(found, key=lambda sha256: hashlib.md5(f"{settings.seed}/{sha256}".encode()).hexdigest())
    chosen = by_lot[: settings.most]
    left_out["beyond_most"] = len(by_lot) - len(chosen)
    items = (
        Item(
            queue=settings.name,
            position=position,
            image_sha256=sha256,
            name=found[sha256].name,
            place=ImagePlace(file=str(found[sha256])),
        )
        for position, sha256 in enumerate(chosen)
    )
    return store.add_queue(settings, items, user, _some(left_out))


def _record(run: Path) -> RunRecord:
    record = read_run(run)
    if record.sampling is not None:
        raise UsageError(f"{run} judged videos, which are not reviewed here; annotate their frames as images.")
    return record


def _source(record: RunRecord, source: Sequence[str] | None) -> Source:
    """Return the dataset of a run, as it lies there now."""
    images = record.images_per_shard or IMAGES_PER_SHARD
    return open_source(list(source or record.source), record.kind, images, record.image_column)


def _answers(store: LabelStore, queue: str | None) -> Mapping[str, Sequence[Claim]]:
    """Return what raters of an earlier queue said, by image."""
    if queue is None:
        return {}
    policy = store.queue(queue).policy
    return {
        row.image_sha256: [
            Claim(
                by=queue,
                policy=policy.name,
                policy_hash=policy.hash,
                rating=given.answer.rating,
                category=given.answer.category,
            )
            for given in row.answers
        ]
        for row in store.rows(queue)
    }


def _keep(
    store: LabelStore,
    settings: QueueSettings,
    chosen: Iterable[Candidate],
    source: Source,
    user: str,
    left_out: Mapping[str, int],
    known: KnownHashes | None,
) -> Queue:
    """Keep candidates as a queue, without those on lists of known images."""
    counted = Counter(left_out)
    shards = {shard.name: shard for shard in source.shards}
    candidates = list(chosen)
    places = [_place(source, shards.get(candidate.place.shard), candidate.place) for candidate in candidates]
    hidden = _known(candidates, places, known) if known is not None else set()
    counted["known"] += len(hidden)
    shown = (pair for number, pair in enumerate(zip(candidates, places, strict=True)) if number not in hidden)
    items = [
        Item(
            queue=settings.name,
            position=position,
            image_sha256=candidate.image_sha256,
            name=candidate.key.replace("\0", ""),
            place=place,
            claims=candidate.claims,
        )
        for position, (candidate, place) in enumerate(shown)
    ]
    return store.add_queue(settings, items, user, _some(counted))


def _place(source: Source, shard: object, place: Place) -> ImagePlace:
    """Return where an image is found again: a file where it is one, else its place in the dataset."""
    if isinstance(shard, FileShard) and place.index < len(shard.files):
        file = str((shard.folder / shard.files[place.index]).resolve())
        if as_text(file) == file:  # else the name is no text, and no database keeps it
            return ImagePlace(file=file)
    return ImagePlace(
        source=tuple(as_text(name) for name in source.names),
        kind=source.kind,
        images_per_shard=source.images_per_shard,
        image_column=source.image_column,
        shard=place.shard,
        index=place.index,
    )


def _known(candidates: Sequence[Candidate], places: Sequence[ImagePlace], known: KnownHashes) -> set[int]:
    """Return which candidates are on a list; their bytes are read only where a list holds MD5 or PDQ."""
    found = {number for number, candidate in enumerate(candidates) if candidate.image_sha256 in known.hashes}
    if not known.holds_pdq and not any(len(digest) == _MD5_DIGITS for digest in known.hashes):
        return found
    for number, data in each_at(places, Limits()):
        if isinstance(data, bytes) and known.match(data) is not None:  # what is unreadable is looked at when shown
            found.add(number)
    return found


def _some(left_out: Mapping[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in left_out.items() if count}
