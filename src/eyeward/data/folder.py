"""A folder of labelled samples on disk: `labels.jsonl`, the images it names, and the policies it names by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from pydantic import ValidationError

from eyeward.data.sample import Sample
from eyeward.errors import DataError, PolicyError, UsageError, described
from eyeward.policy.schema import Policy

LABELS_FILE = "labels.jsonl"
POLICIES_FILE = "policies.jsonl"
"""Policies that rows name by their hash, one a line: thousands of samples share a few long policies."""
IMAGES_FOLDER = "images"


@dataclass(frozen=True)
class SampleFolder:
    """A folder that was written by `write_samples`, by `eyeward scenes render` or by hand."""

    path: Path

    def __post_init__(self) -> None:
        """Refuse a folder without labels.

        Raises:
            DataError: with the mend in it.
        """
        if not (self.path / LABELS_FILE).is_file():
            raise DataError(
                f"There is no {LABELS_FILE} here; `eyeward data import` and `eyeward scenes render` write one.",
                self.path,
            )

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples in their order.

        Raises:
            DataError: with file and line, for a row that is no sample.
        """
        file = self.path / LABELS_FILE
        for number, line in numbered_lines(file):
            try:
                yield Sample.model_validate_json(line)
            except ValidationError as problem:
                raise DataError(f"{described(problem)}.", file, number) from None

    @cached_property
    def policies(self) -> dict[str, Policy]:
        """The policies that rows name by hash.

        Raises:
            DataError: with file and line, for a row that is no policy.
        """
        file = self.path / POLICIES_FILE
        found: dict[str, Policy] = {}
        for number, line in numbered_lines(file) if file.exists() else ():
            try:
                policy = Policy.model_validate_json(line)
            except ValidationError as problem:
                raise DataError(f"{described(problem)}.", file, number) from None
            except PolicyError as problem:
                raise DataError(problem.message, file, number) from None
            found[policy.hash] = policy
        return found

    @cached_property
    def digest(self) -> str:
        """The sha256 of the labels and their policies, wherever they lie."""
        digest = hashlib.sha256()
        for name in (LABELS_FILE, POLICIES_FILE):
            file = self.path / name
            digest.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest())
        return digest.hexdigest()

    def policy_of(self, sample: Sample) -> Policy:
        """Return the policy that a sample is labelled under.

        Raises:
            DataError: for a hash that `policies.jsonl` does not hold.
        """
        if sample.policy is None:
            return default_policy()
        if isinstance(sample.policy, Policy):
            return sample.policy
        if sample.policy not in self.policies:
            message = f"{sample.image} names the policy {sample.policy}, which is not in {POLICIES_FILE}; add its line."
            raise DataError(message, self.path / LABELS_FILE)
        return self.policies[sample.policy]

    def image_of(self, sample: Sample) -> Path:
        """Return the path of a sample's image."""
        return self.path / sample.image


@cache
def default_policy() -> Policy:
    """Return the policy of samples that name none; read once."""
    return Policy.load("default")


def numbered_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file that are not blank, with their numbers.

    Raises:
        DataError: when it cannot be read.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, line
    except UnicodeDecodeError:
        raise DataError("The file is not UTF-8 text; save it as UTF-8.", file) from None
    except OSError as problem:
        raise DataError(f"The file cannot be read: {problem.strerror or problem}.", file) from problem


@dataclass
class SampleWriter:
    """Writes `labels.jsonl` under another name until `finish`, so that a folder without it was not finished."""

    path: Path
    _policies: dict[str, Policy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the unfinished file."""
        self._unfinished = self.path / f".{LABELS_FILE}"
        self._file = self._unfinished.open("w", encoding="utf-8", newline="\n")

    def write(self, sample: Sample) -> None:
        """Write a sample; its policy goes to `policies.jsonl`."""
        if isinstance(sample.policy, Policy):
            self._policies[sample.policy.hash] = sample.policy
            sample = sample.model_copy(update={"policy": sample.policy.hash})
        self._file.write(f"{sample.to_json()}\n")

    def add_policies(self, policies: Iterable[Policy]) -> None:
        """Keep policies that samples name by hash."""
        self._policies.update({policy.hash: policy for policy in policies})

    def finish(self) -> None:
        """Give the files their names, `labels.jsonl` last."""
        self._file.close()
        if self._policies:
            lines = (f"{policy.model_dump_json()}\n" for _, policy in sorted(self._policies.items()))
            (self.path / POLICIES_FILE).write_text("".join(lines), encoding="utf-8", newline="\n")
        self._unfinished.replace(self.path / LABELS_FILE)


def make_empty(out: Path) -> None:
    """Make the folder `out`, or accept it when it is empty.

    Raises:
        UsageError: when it is a file, holds something or cannot be made.
    """
    if out.is_file():
        raise UsageError(f"{out} is a file; name a folder.")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty, and nothing in it is overwritten; name a new folder or empty this one.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"The folder {out} cannot be made: {problem.strerror}; name another.") from problem
