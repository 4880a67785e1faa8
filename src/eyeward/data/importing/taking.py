"""From rows to samples: images are had and checked, words understood, contradictions and double labels named.

What is written: `images/` by their sha256, `labels.jsonl`, `policies.jsonl`, `discarded.jsonl` with every row that was
not taken and why, and `import.json`, the report.
"""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from eyeward.data.folder import IMAGES_FOLDER, SampleWriter, default_policy, make_empty
from eyeward.data.importing.row import Discard, Reason, Row, Rows, Unread, Url
from eyeward.data.importing.words import (
    Unknown,
    category_in,
    changes_of,
    rating_in,
    severity_in,
    split_in,
)
from eyeward.data.report import ImportReport, Tally
from eyeward.data.sample import Asked, Sample, Split, contradiction
from eyeward.errors import ImageError
from eyeward.images.decode import decode
from eyeward.images.fetch import Fetcher, FetchRules
from eyeward.images.formats import Format, sniff
from eyeward.images.hashes import sha256_of_bytes
from eyeward.images.limits import Limits
from eyeward.images.reading import read_image_file
from eyeward.policy.schema import Policy
from eyeward.verdict import Failure, Rating

DISCARDED_FILE = "discarded.jsonl"
REPORT_FILE = "import.json"
_SUFFIX = {Format.jpeg: "jpg", Format.tiff: "tif"}
_FETCHED_AT_ONCE = 16
_LONGEST_VALUE = 20_000


@dataclass(frozen=True, slots=True)
class _Loaded:
    data: bytes
    sha256: str
    suffix: str


class _Refused(Exception):
    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(message)


class Taking:
    """One import into one folder."""

    def __init__(self, out: Path, policy: Policy | None = None, fetcher: Fetcher | None = None) -> None:
        """Make the folder; `policy` is what rows were labelled under where they do not say."""
        self._out = out
        self._policy = policy or default_policy()
        self._fetcher = fetcher or Fetcher(FetchRules())
        self._limits = Limits()
        self._tally = Tally()
        self._sides: Counter[Split | None] = Counter()
        self._sides_by_name = 0
        self._label_of: dict[tuple[str, Asked], tuple[str, str, str | None]] = {}
        self._disputed: set[tuple[str, Asked]] = set()
        make_empty(out)

    def take(self, rows: Rows, progress: Callable[[], None] = lambda: None) -> ImportReport:
        """Take rows to the end; `labels.jsonl` is written last."""
        (self._out / IMAGES_FOLDER).mkdir()
        candidates = self._out / ".candidates.jsonl"
        with (self._out / DISCARDED_FILE).open("w", encoding="utf-8", newline="\n") as self._discarded:
            with candidates.open("w", encoding="utf-8", newline="\n") as lines:
                for row, loaded in self._with_images(rows):
                    sample = self._sample(row, loaded)
                    if sample is not None and isinstance(row, Row):
                        by_name = row.side is not None and not row.split
                        head = json.dumps([row.place, _plain(row.values), by_name])
                        lines.write(f"{head}\n{sample.to_json()}\n")
                    progress()
            self._settle(candidates)
        candidates.unlink()
        report = ImportReport(
            **dict(self._tally.report()),
            sides={side.value: self._sides[side] for side in Split if self._sides[side]},
            sides_by_name=self._sides_by_name,
        )
        (self._out / REPORT_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8", newline="\n")
        self._writer.finish()
        return report

    def _with_images(self, rows: Rows) -> Iterator[tuple[Row | Unread, _Loaded | _Refused | None]]:
        """Yield rows in order, each with its image; several are read or fetched side by side."""
        waiting: deque[tuple[Row | Unread, Future[_Loaded | _Refused] | None]] = deque()
        at_once = max(4, os.cpu_count() or 1)
        with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
            rows = iter(rows)
            for row in rows:
                waiting.append((row, pool.submit(self._load, row) if isinstance(row, Row) else None))
                fetching = isinstance(row, Row) and isinstance(row.image, Url)
                while len(waiting) >= (2 * _FETCHED_AT_ONCE if fetching else at_once):
                    yield _finished(*waiting.popleft())
            for row, loading in waiting:
                yield _finished(row, loading)

    def _load(self, row: Row) -> _Loaded | _Refused:
        try:
            data = self._bytes(row)
            decoded = decode(data, self._limits)
            if isinstance(decoded, Failure):
                return _Refused(decoded.type, f"{row.place}: {decoded.message}")
            form = sniff(row.place, data)
            return _Loaded(data, sha256_of_bytes(data), _SUFFIX.get(form, form.value.lower()))
        except ImageError as problem:
            return _Refused(problem.type, f"{row.place}: {problem.message}")

    def _bytes(self, row: Row) -> bytes:
        if isinstance(row.image, bytes):
            return row.image
        if isinstance(row.image, Path):
            return read_image_file(row.image, self._limits)
        if isinstance(row.image, Url):
            fetched = self._fetcher.fetch_now(row.image.text)
            if isinstance(fetched, Failure):
                raise ImageError(fetched.type, fetched.message)
            return fetched.data
        raise AssertionError("a row without an image is no row")

    def _sample(self, row: Row | Unread, loaded: _Loaded | _Refused | None) -> Sample | None:
        if isinstance(row, Unread):
            self._discard(row.reason, row.message, row.place, row.values, row.rows)
            return None
        try:
            if isinstance(loaded, _Refused):
                raise loaded
            assert loaded is not None
            sample = self._labelled(row, loaded)
        except _Refused as problem:
            self._discard(problem.reason, problem.message, row.place, row.values)
            return None
        except Unknown as problem:
            self._discard(problem.reason, f"{row.place}: {problem}.", row.place, row.values)
            return None
        image = self._out / sample.image
        if not image.exists():
            image.parent.mkdir(exist_ok=True)
            image.write_bytes(loaded.data)
        self._remember(sample)
        return sample

    def _labelled(self, row: Row, loaded: _Loaded) -> Sample:
        image = f"{IMAGES_FOLDER}/{loaded.sha256[:2]}/{loaded.sha256}.{loaded.suffix}"
        if row.sample is not None:
            return row.sample.model_copy(update={"image": image})
        policy = row.policy or self._policy
        severity = severity_in(row.severity) if row.severity else None
        changes = changes_of(policy)
        if row.rating is None and (severity is None or changes):
            raise _Refused(Discard.no_label, f"{row.place} has no rating.")
        rating = rating_in(row.rating) if row.rating else severity.rating if severity else Rating.Review
        if row.category is None:
            raise _Refused(Discard.no_category, f"{row.place} has no category.")
        category = category_in(row.category, policy)
        side = row.split or row.side
        split = split_in(side) if side else None
        found = contradiction(rating, category, (category,), severity, bool(changes))
        if found is not None:
            raise _Refused(found[0], f"{row.place}: {found[1]}")
        return Sample(
            image=image,
            category=category,
            rating=rating,
            severity=severity,
            rationale=row.rationale,
            split=split,
            annotator=row.annotator,
            source=row.source,
            licence=row.licence,
            group=row.group or f"image-{loaded.sha256[:16]}",
            policy=None if policy.hash == default_policy().hash else policy,
            changes=changes,
        )

    def _remember(self, sample: Sample) -> None:
        key, label = _key(sample), _label(sample)
        if self._label_of.setdefault(key, label) != label:
            self._disputed.add(key)

    def _settle(self, candidates: Path) -> None:
        """Write the samples whose image has one label, the first of each; the others are discarded by name."""
        self._writer = SampleWriter(self._out)
        written: set[tuple[str, Asked]] = set()
        with candidates.open(encoding="utf-8") as lines:
            for head in lines:
                place, values, by_name = json.loads(head)
                sample = Sample.model_validate_json(next(lines))
                key = _key(sample)
                if key in self._disputed:
                    message = f"{place}: the image has another label in another row; settle which is right."
                    self._discard(Discard.two_labels, message, place, values)
                elif key in written:
                    message = f"{place}: the image has the same label in another row."
                    self._discard(Discard.same_label_again, message, place, values)
                else:
                    written.add(key)
                    self._tally.taken += 1
                    self._sides[sample.split] += 1
                    self._sides_by_name += by_name
                    self._writer.write(sample)

    def _discard(self, reason: Reason, message: str, place: str, values: object, rows: int = 1) -> None:
        self._tally.discard(reason.value, message, rows)
        record = {"reason": reason.value, "message": message, "place": place, "row": _plain(values)}
        self._discarded.write(json.dumps(record, ensure_ascii=False) + "\n")


def _finished(
    row: Row | Unread, loading: Future[_Loaded | _Refused] | None
) -> tuple[Row | Unread, _Loaded | _Refused | None]:
    return row, None if loading is None else loading.result()


def _key(sample: Sample) -> tuple[str, Asked]:
    return sample.image, sample.asked


def _label(sample: Sample) -> tuple[str, str, str | None]:
    return sample.rating, sample.category, sample.severity


def _plain(value: object) -> object:
    """Return a row as JSON can hold it; bytes of images are named, not copied."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes, sha256 {sha256_of_bytes(bytes(value))}"
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
