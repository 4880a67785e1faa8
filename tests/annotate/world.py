"""Small datasets with everything that goes wrong in large ones, and what a run has written."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from eyeward.policy import Policy

DEFAULT = Policy.load("default")
EXEMPT = DEFAULT.non_violating("O1").renamed("exempt")
"""The fake guard names O1 in all that is bright, so that this policy allows it."""
SHARD_IMAGES = 12


def png(level: int, side: int = 8) -> bytes:
    """Return a grey picture; the fake guard calls it unsafe from 128 on."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (level, level, level)).save(buffer, "PNG")
    return buffer.getvalue()


def tar(file: Path, members: Iterable[tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT) -> Path:
    """Write an archive."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w", format=form) as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return file


def samples(shard: int, count: int = SHARD_IMAGES) -> list[tuple[str, bytes]]:
    """Return the files of a shard as img2dataset lays it out."""
    found = []
    for number in range(count):
        key = f"{shard:05}{number:04}"
        level = (shard * 53 + number * 37) % 256
        found.append((f"{key}.png", png(level)))
        found.append((f"{key}.json", json.dumps({"key": key, "caption": f"level {level}", "level": level}).encode()))
        found.append((f"{key}.txt", f"level {level}".encode()))
    return found


def troubled(folder: Path, shards: int = 6) -> Path:
    """Write shards: one with an unreadable image in the middle, one with keys twice, the last one cut short."""
    for shard in range(shards):
        members = samples(shard)
        if shard == 1:
            members[15] = (members[15][0], b"no image at all")
        if shard == 2:
            members += members[:6]
        file = tar(folder / f"{shard:05}.tar", members)
        if shard == shards - 1:
            file.write_bytes(file.read_bytes()[:17_000])
    return folder


def parquet(file: Path, contents: Sequence[bytes | None], **columns: Sequence[Any]) -> Path:
    """Write a table with images as `datasets` writes them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    images = [None if content is None else {"bytes": content, "path": None} for content in contents]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(images, kind), **{name: list(values) for name, values in columns.items()}})
    pq.write_table(table, file, row_group_size=5)
    return file


def pictures(folder: Path, levels: Sequence[int]) -> Path:
    """Write loose files, in two folders."""
    for number, level in enumerate(levels):
        file = folder / ("odd" if number % 2 else "even") / f"{number:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(level))
    return folder


def written(folder: Path) -> dict[str, bytes]:
    """Return all that a run promises to write the same: the answers and the record."""
    files = [*folder.rglob("*.safety.parquet"), folder / "run.json"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def left_behind(folder: Path) -> list[str]:
    """Return what should not be there once a run is over: temporary files and claims."""
    return sorted(
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.name.endswith((".unfinished", ".claim"))
    )


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return all rows in the order of the shards."""
    files = sorted(folder.rglob("*.safety.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]
