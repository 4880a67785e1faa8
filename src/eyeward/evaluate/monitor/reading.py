"""Windows out of what other commands write: annotation runs, evaluation runs, logs of counters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from eyeward.annotate.answers import Answers, unfinished
from eyeward.annotate.arrow import parquet
from eyeward.annotate.copies import local_copy
from eyeward.annotate.record import RUN_FILE
from eyeward.annotate.rows import STATISTICS
from eyeward.annotate.storage import is_address
from eyeward.data.folder import SampleFolder
from eyeward.errors import DataError, UsageError, described
from eyeward.evaluate.monitor.window import Counting, Window
from eyeward.evaluate.outcome_file import FILE_NAME as OUTCOMES
from eyeward.evaluate.run import read_run_outcomes
from eyeward.policy import Policy
from eyeward.verdict import Rating

_COLUMNS = ["sha256", "rating", "category", "p_unsafe", "policy_hash"]
_HASH = re.compile(r"[0-9a-f]{4,64}")
_ROWS_AT_ONCE = 65_536
_NO_HASHES = "Labels were given, and a log holds no SHA-256 to join them by."
_OWN_LABELS = "The labels that were given are not used: an evaluation brings its own."
_NO_LABELS = "Labels were given, and none of them is of its images."


def read_windows(
    source: str | Path,
    policy: str | None = None,
    guard: str | None = None,
    labels: Mapping[str, Rating] | None = None,
    canaries: Collection[str] = (),
) -> tuple[Window, ...]:
    """Read a folder of `eyeward annotate` or `eyeward evaluate` as one window, or a log with a window a line.

    A run of `eyeward annotate` may lie in an object store (`s3://bucket/week-02`); of it a copy is read. `policy` names
    one of several by its name or the beginning of its hash, `guard` one of several of an evaluation. A log knows hashes
    alone: a name there is that of a pack, or a file.

    `labels` are the ratings of people by the SHA-256 of the image; an evaluation brings its own. Where they were given
    and a window takes none of them, one of its notices says so.

    Raises:
        UsageError: when it is none of these, or it does not say which policy or guard is meant.
        PolicyError: when a log is to be read under a policy that cannot be.
        DataError: with file and line, for a line of a log that is no window.
        OSError: when a run cannot be fetched from its store.
    """
    source = local_copy(source) if is_address(source) else Path(source)
    if source.is_file():
        found, unused = tuple(_of_log(source, policy)), _NO_HASHES
    elif (source / OUTCOMES).is_file():
        found, unused = (_of_evaluation(source, policy, guard, canaries),), _OWN_LABELS
    elif (source / RUN_FILE).is_file():
        window = _of_annotation(source, policy, labels or {}, canaries)
        found, unused = (window,), "" if window.labels else _NO_LABELS
    else:
        raise UsageError(
            f"{source} is no window: name a folder that `eyeward annotate` or `eyeward evaluate` wrote, or a log with "
            "a window a line."
        )
    if labels is None or not unused:
        return found
    return tuple(window.model_copy(update={"notices": (*window.notices, unused)}) for window in found)


def labelled_by_hash(folder: Path) -> dict[str, Rating]:
    """Return the ratings of a folder of labelled images by the SHA-256 of the files.

    Raises:
        DataError: when it is no such folder, or one image has two ratings.
    """
    samples = SampleFolder(folder)
    found: dict[str, Rating] = {}
    for sample in samples:
        if sample.changes or sample.policy is not None:
            continue  # a label under another policy says nothing of the one that is watched
        digest = sha256_of(samples.image_of(sample))
        if found.setdefault(digest, sample.rating) is not sample.rating:
            raise DataError(
                f"{sample.image} is labelled {found[digest]} and {sample.rating}; mend one of them.", folder
            )
    return found


def hashes_in(folder: Path) -> frozenset[str]:
    """Return the SHA-256 of all files below a folder of canary images.

    Raises:
        UsageError: when there are none.
    """
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")]
    if not files:
        raise UsageError(f"{folder} holds no canary images; put some in that every window contains.")
    return frozenset(sha256_of(file) for file in files)


def sha256_of(file: Path) -> str:
    """Hash a file.

    Raises:
        UsageError: when it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}.") from problem


def _of_log(file: Path, policy: str | None) -> Iterator[Window]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{file} cannot be read as a log of windows: {problem}.") from problem
    wanted = "" if policy is None else policy if _HASH.fullmatch(policy) else Policy.load(policy).hash
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                window = Window.model_validate_json(line)
            except ValidationError as problem:
                raise DataError(f"{described(problem)}.", file, number) from None
            if window.policy.startswith(wanted):
                yield window


def _of_annotation(folder: Path, policy: str | None, labels: Mapping[str, Rating], canaries: Collection[str]) -> Window:
    answers = Answers.of(folder)
    record = answers.record
    asked = _chosen(folder, record.policies, policy)
    counting = Counting(folder.name, asked.hash, record.guard.model, canaries)
    kept = STATISTICS if record.statistics else {}
    if not answers.names:
        raise UsageError(f"No shard is finished in {folder}; there is nothing to watch yet.")
    columns = [*_COLUMNS, *kept.values()]
    for name in answers.names:
        for batch in parquet().ParquetFile(folder / name).iter_batches(_ROWS_AT_ONCE, columns=columns):
            for row in batch.to_pylist():
                if row["policy_hash"] == asked.hash:
                    digest = row["sha256"]
                    truth = None if digest is None else labels.get(digest)
                    numbers = {name: row[column] for name, column in kept.items() if row[column] is not None}
                    counting.add(row["rating"], row["category"], row["p_unsafe"], digest, truth, numbers)
    notice = unfinished(len(answers.names), answers.missing())
    return counting.finish().model_copy(update={"notices": (notice,) if notice else ()})


def _of_evaluation(folder: Path, policy: str | None, guard: str | None, canaries: Collection[str]) -> Window:
    by_guard = read_run_outcomes(folder)
    fitting = [name for name in by_guard if guard in (None, name)]
    if len(fitting) != 1:
        guards = ", ".join(by_guard) or "no guard"
        raise UsageError(f"{folder} holds answers of {guards}; name one of them with --guard.")
    said = by_guard[fitting[0]]
    hashes = {outcome.verdict.policy.hash: outcome.verdict.policy.name for outcome in said}
    chosen = [hash for hash, called in hashes.items() if policy is None or policy == called or hash.startswith(policy)]
    if len(chosen) != 1:
        raise UsageError(f"{folder} asks under {_listed(hashes.values())}; name one policy with --policy.")
    rows = [outcome for outcome in said if outcome.verdict.policy.hash == chosen[0]]
    counting = Counting(folder.name, chosen[0], rows[0].verdict.model, canaries)
    for outcome in rows:
        verdict = outcome.verdict
        counting.add(
            None if verdict.rating is None else verdict.rating.value,
            verdict.category,
            verdict.p_unsafe,
            verdict.sha256,
            outcome.question.rating,
        )
    return counting.finish()


def _chosen(folder: Path, policies: Sequence[Policy], wanted: str | None) -> Policy:
    fitting = [each for each in policies if wanted is None or wanted == each.name or each.hash.startswith(wanted)]
    if len(fitting) != 1:
        raise UsageError(f"{folder} asks under {_listed(p.name for p in policies)}; name one policy with --policy.")
    return fitting[0]


def _listed(names: Iterator[str] | Collection[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "no policy"
