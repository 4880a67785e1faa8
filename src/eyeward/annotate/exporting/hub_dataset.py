"""A data set for the Hugging Face Hub: Parquet with the kept images, what was said of each, its licence, and a card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from eyeward.annotate.arrow import arrow, parquet
from eyeward.annotate.exporting.kept import KeptImage, ending, kept_images
from eyeward.annotate.item import Shard
from eyeward.annotate.record import RunRecord
from eyeward.data.exporting.card import licence_fields
from eyeward.publish.card import CARD_FILE
from eyeward.publish.licences import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "dataset"
LICENCE_COLUMNS = ("licence", "license")
_GROUP_ROWS, _GROUP_BYTES = 100, 32 << 20
_VERDICT = {
    "policy": "policy_name",
    "policy_hash": "policy_hash",
    "rating": "rating",
    "category": "category",
    "p_unsafe": "p_unsafe",
    "rationale": "rationale",
}
"""Fields of a verdict in the data set, by the columns that they are taken from."""


class HubDataset:
    """`data/train-*.parquet` and `README.md`, as `datasets` reads them and `eyeward data push` publishes them."""

    def __init__(self, out: Path, record: RunRecord, licence: str | None) -> None:
        """Make the folder; `licence` is that of images of which the dataset itself says none."""
        self._folder = out / FOLDER
        (self._folder / "data").mkdir(parents=True)
        self._record = record
        self._licence = licence
        self._licences: Counter[str] = Counter()
        self._files: list[Path] = []
        self._count = 0
        self._schema = _schema()

    def add(self, shard: Shard, kept: set[int], rows: pa.Table) -> int:
        """Write a file for a shard."""
        file = self._folder / "data" / f".{len(self._files):05}.unfinished"
        self._files.append(file)
        with parquet().ParquetWriter(file, self._schema, compression="zstd") as writer:
            waiting: list[dict[str, Any]] = []
            size = 0
            for image in kept_images(shard, kept, rows):
                row = self._row(image)
                size += len(row["image"]["bytes"])
                waiting.append(row)
                if len(waiting) >= _GROUP_ROWS or size >= _GROUP_BYTES:
                    writer.write_table(arrow().Table.from_pylist(waiting, self._schema))
                    waiting, size = [], 0
            if waiting:
                writer.write_table(arrow().Table.from_pylist(waiting, self._schema))
        return 0

    def finish(self) -> None:
        """Give the files their names, and write the card."""
        for number, file in enumerate(self._files):
            file.rename(file.with_name(f"train-{number:05}-of-{len(self._files):05}.parquet"))
        (self._folder / CARD_FILE).write_text(self._card(), encoding="utf-8", newline="\n")

    def _row(self, image: KeptImage) -> dict[str, Any]:
        content = image.read()
        known = {_clean(name): value for name, value in image.item.columns.items()}
        stated = next((str(known[name]).strip() for name in LICENCE_COLUMNS if known.get(name)), None)
        licence = stated or self._licence
        self._licences[licence or UNKNOWN] += 1
        name = f"{self._count:08}.{ending(content)}"
        self._count += 1
        return {
            "image": {"bytes": content, "path": name},
            "key": image.item.key,
            "licence": licence,
            "verdicts": [{field: _clean(row[column]) for field, column in _VERDICT.items()} for row in image.verdicts],
            "source_columns": _clean(json.dumps(known, ensure_ascii=False, default=str)) if known else None,
        }

    def _card(self) -> str:
        name = "Images kept by Eyeward"
        front = {
            **licence_fields(self._licences),
            "pretty_name": name,
            "tags": ["image-safety", "eyeward"],
            "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}],
        }
        text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
        return f"---\n{text}---\n\n# {name}\n\n" + "\n\n".join(self._parts()) + "\n"

    def _parts(self) -> Iterator[str]:
        model = self._record.guard.model
        revision = f" at revision `{model.revision}`" if model.revision else ""
        yield (
            f"{self._count:,} images of a larger dataset. The guard `{model.name}`{revision} judged each under written "
            "policies and these were kept; `verdicts` says what it said. A guard errs: an image is "
            "here because a model called it safe, or left it for review, and not because anybody has looked at it."
        )
        lines = "\n".join(
            f"| {policy.name} | {policy.version} | {', '.join(policy.ids)} | `{policy.hash[:12]}` |"
            for policy in self._record.policies
        )
        yield f"| policy | version | categories | sha256 |\n|---|---|---|---|\n{lines}"
        yield "`source_columns` holds, as JSON, what the dataset itself said of each image."


def _schema() -> pa.Schema:
    pa = arrow()
    text = pa.string()
    verdict = pa.struct([(field, pa.float64() if field == "p_unsafe" else text) for field in _VERDICT])
    said = {field: _value("float64" if field == "p_unsafe" else "string") for field in _VERDICT}
    features = {
        "image": {"_type": "Image"},
        "key": _value("string"),
        "licence": _value("string"),
        "verdicts": [said],
        "source_columns": _value("string"),
    }
    columns = {
        "image": pa.struct([("bytes", pa.binary()), ("path", text)]),
        "key": text,
        "licence": text,
        "verdicts": pa.list_(verdict),
        "source_columns": text,
    }
    return pa.schema(list(columns.items()), metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _value(kind: str) -> Mapping[str, str]:
    return {"dtype": kind, "_type": "Value"}


def _clean(value: Any) -> Any:
    """Return text as Unicode: lone surrogates become escapes."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
