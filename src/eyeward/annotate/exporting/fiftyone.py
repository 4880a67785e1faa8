"""A folder that FiftyOne imports as `FiftyOneImageClassificationDataset`; its package is not needed to write it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from eyeward.annotate.exporting.kept import ending, kept_images
from eyeward.annotate.item import Shard
from eyeward.policy import Policy
from eyeward.verdict import Rating

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "fiftyone"
_ATTRIBUTES = (
    *("key", "shard", "index", "category", "p_unsafe", "rationale", "review_reason"),
    *("policy_name", "policy_hash", "model_name", "model_revision"),
)


class FiftyOneFolder:
    """`data/` with the images, and for each policy `labels.POLICY.json`: the rating as a label, the rest beside it."""

    def __init__(self, out: Path, policies: Sequence[Policy], stack: ExitStack) -> None:
        """Make the folder; `stack` closes its files."""
        self._data = out / FOLDER / "data"
        self._data.mkdir(parents=True)
        self._count = 0
        names = Counter(policy.name for policy in policies)
        self._labels: dict[str, _Labels] = {}
        for policy in policies:
            name = policy.name if names[policy.name] == 1 else f"{policy.name}-{policy.hash[:8]}"
            file = (out / FOLDER / f"labels.{name}.json").open("w", encoding="utf-8")
            self._labels[policy.hash] = _Labels(stack.enter_context(file))

    def add(self, shard: Shard, kept: set[int], rows: pa.Table) -> int:
        """Take what is kept of a shard: files are linked to, what lies in archives and tables is copied."""
        for image in kept_images(shard, kept, rows):
            content = image.read()
            name = f"{self._count:08}"
            self._count += 1
            file = self._data / f"{name}.{ending(content)}"
            if isinstance(image.item.image, Path):
                file.symlink_to(image.item.image.absolute())
            else:
                file.write_bytes(content)
            for row in image.verdicts:
                self._labels[row["policy_hash"]].write(name, row)
        return 0

    def finish(self) -> None:
        """End the files."""
        for labels in self._labels.values():
            labels.finish()


class _Labels:
    """A file of labels, written as they come."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._file.write('{"labels": {')
        self._parting = "\n"

    def write(self, name: str, row: Mapping[str, Any]) -> None:
        p_unsafe = row["p_unsafe"]
        label = {
            "label": row["rating"],
            "confidence": 1.0 - p_unsafe if row["rating"] == Rating.Safe and p_unsafe is not None else None,
            "attributes": {name: row[name] for name in _ATTRIBUTES if row[name] is not None},
        }
        self._file.write(f"{self._parting}{json.dumps(name)}: {json.dumps(label, ensure_ascii=False)}")
        self._parting = ",\n"

    def finish(self) -> None:
        self._file.write("\n}}\n")
