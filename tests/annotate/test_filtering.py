"""What leaves is, byte for byte, what was judged, whatever it is packed in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from eyeward.annotate.export import export
from eyeward.annotate.exporting import Form
from eyeward.annotate.finished import Finished
from eyeward.annotate.run import annotate
from eyeward.annotate.shard_file import FOOTER_KEY
from eyeward.annotate.sources import open_source
from eyeward.annotate.sources.tar import TarShard
from eyeward.cli.main import app
from eyeward.errors import DataError
from tests.annotate.films import film
from tests.annotate.sources.test_arrow_files import batches
from tests.annotate.sources.test_lance_table import written as lance_dataset
from tests.annotate.sources.test_parquet import FakeFetcher
from tests.annotate.world import parquet, pictures, png, rows, tar
from tests.evaluate.worlds import guard

EXCHANGED = "is not, byte for byte, what was judged"
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def padded(level: int, size: int = 8000) -> bytes:
    """Return a picture of a size; what stands behind its end does not count."""
    return png(level).ljust(size, b"\0")


def plain_bytes(folder: Path) -> Path:
    folder.mkdir()
    pq.write_table(pa.table({"jpg": [png(5), png(6)], "depth": [b"x", b"y"]}), folder / "a.parquet")
    return folder


def paths(folder: Path) -> Path:
    pictures(folder, [5, 6])
    images = [{"bytes": None, "path": name} for name in ("even/0000.png", "odd/0001.png")]
    pq.write_table(pa.table({"image": pa.array(images, STRUCT)}), folder / "a.parquet")
    return folder / "a.parquet"


def arrow_file(folder: Path) -> Path:
    folder.mkdir()
    batches(folder / "a.arrow", [png(5), png(6)])
    return folder


def films(folder: Path) -> Path:
    film(folder / "a.mp4", [20] * 3)
    return folder


def packed_films(folder: Path) -> Path:
    content = film(folder / "loose" / "a.mp4", [20] * 3).read_bytes()
    file = tar(folder / "a.tar", [("a.mp4", content), ("b.png", png(5))])
    file.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    return file


KINDS: dict[str, Callable[[Path], Path]] = {
    "files": lambda folder: pictures(folder, [5, 6]),
    "archive": lambda folder: tar(folder / "a.tar", [("a.png", png(5)), ("b.png", png(6))]),
    "parquet": lambda folder: parquet(folder / "a.parquet", [png(5), png(6)]),
    "plain_bytes": plain_bytes,
    "paths": paths,
    "arrow_file": arrow_file,
    "lance": lambda folder: lance_dataset(folder.with_suffix(".lance"), [5, 6]),
    "films": films,
    "packed_films": packed_films,
}


def say_of_first(run: Path, sha256: str | None) -> None:
    """Have a run say that another image was judged, which is as if the dataset had another one now."""
    (file,) = run.glob("*.safety.parquet")
    table, proof = pq.read_table(file), pq.read_metadata(file).metadata[FOOTER_KEY]
    digests = [sha256, *table["sha256"].to_pylist()[1:]]
    place = table.schema.get_field_index("sha256")
    told = table.set_column(place, "sha256", pa.array(digests, pa.string()))
    pq.write_table(told.replace_schema_metadata({FOOTER_KEY: proof}), file)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_dataset_is_what_was_not_judged_does_not_leave(kind: str, tmp_path: Path) -> None:
    annotate(KINDS[kind](tmp_path / "in"), tmp_path / "run", guard())
    found = export(Finished.open(tmp_path / "run"), tmp_path / "whole")
    assert (found.kept, found.unchecked) == (len(rows(tmp_path / "run")), 0)
    say_of_first(tmp_path / "run", "0" * 64)
    with pytest.raises(DataError, match=EXCHANGED):
        export(Finished.open(tmp_path / "run"), tmp_path / "out")
    say_of_first(tmp_path / "run", None)
    with pytest.raises(DataError, match="do not say which image was judged"):
        export(Finished.open(tmp_path / "run"), tmp_path / "none")
    for folder in ("out", "none"):
        left = [file.name for file in (tmp_path / folder).rglob("*") if file.is_file()]
        assert [name for name in left if not name.startswith(".")] == [], "nothing that looks whole"


@pytest.mark.parametrize("form", Form)
def test_a_file_that_was_exchanged_for_one_of_the_same_size_is_not_taken(form: Form, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", [5, 6])
    file = source / "even" / "0000.png"
    file.write_bytes(padded(5))
    annotate(source, tmp_path / "run", guard())
    file.write_bytes(padded(250))
    run = Finished.open(tmp_path / "run")
    with pytest.raises(DataError, match=rf"'even/0000.png' of the shard 'images-000000' {EXCHANGED}"):
        export(run, tmp_path / "out", form=form)
    assert not (tmp_path / "out" / "kept.parquet").exists()
    (tmp_path / "run" / "images-000000.safety.parquet").unlink()
    annotate(source, tmp_path / "run", guard())
    found = export(Finished.open(tmp_path / "run"), tmp_path / "again", form=form)
    assert (found.kept, found.removed) == (1, {"unsafe": 1}), "what the message says mends it"


@pytest.mark.parametrize("in_memory", [8 << 20, 500])
def test_a_member_that_was_exchanged_in_its_place_is_not_copied(
    in_memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyeward.annotate.sources.tar._LARGEST_IN_MEMORY", in_memory)
    file = tar(tmp_path / "s.tar", [(f"{level}.png", padded(level)) for level in range(60)])
    annotate(file, tmp_path / "run", guard())
    before = TarShard("s", str(file)).identity()
    content = file.read_bytes()
    assert content.count(padded(10)) == 1
    file.write_bytes(content.replace(padded(10), padded(250)))
    assert TarShard("s", str(file)).identity() == before, "a digest of pieces does not see it"
    with pytest.raises(DataError, match=rf"'10' of the shard 's' {EXCHANGED}"):
        export(Finished.open(tmp_path / "run"), tmp_path / "out")


def test_addresses_are_kept_and_it_is_said_that_what_is_there_now_was_not_compared(tmp_path: Path) -> None:
    urls = [f"https://h/{level}" for level in (5, 250, 6)]
    pq.write_table(pa.table({"url": urls, "caption": ["a", "b", "c"]}), tmp_path / "a.parquet")
    fetcher = FakeFetcher(dict(zip(urls, map(png, (5, 250, 6)), strict=True)))
    annotate(open_source(tmp_path / "a.parquet", fetcher=fetcher), tmp_path / "run", guard())
    found = export(Finished.open(tmp_path / "run"), tmp_path / "out")
    assert (found.kept, found.unchecked) == (2, 2)
    assert pq.read_table(tmp_path / "out" / "a.parquet")["caption"].to_pylist() == ["a", "c"]
    result = CliRunner().invoke(app, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "told")])
    assert result.exit_code == 0, result.output
    assert "2 rows kept by an address" in " ".join(result.stderr.split())
    lists = CliRunner().invoke(app, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "l"), "--lists-only"])
    assert "by an address" not in " ".join(lists.stderr.split()), "lists are about what was judged"


def test_a_table_that_has_lost_rows_is_not_exported(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", [png(5), png(6)])
    annotate(file, tmp_path / "run", guard())
    run = Finished.open(tmp_path / "run")
    parquet(file, [png(5)])
    with pytest.raises(DataError, match="2 of its images were kept, and 1 of these are found there now"):
        export(run, tmp_path / "out")


def damaged(file: Path, column: str, group: int) -> Path:
    """Break one column of one row group."""
    about = pq.read_metadata(file).row_group(group)
    (place,) = [n for n in range(about.num_columns) if about.column(n).path_in_schema == column]
    chunk, content = about.column(place), bytearray(file.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    file.write_bytes(content)
    return file


def broken_text(count: int) -> Any:
    """Return texts of which the last is none."""
    ends = pa.py_buffer(b"".join(end.to_bytes(4, "little") for end in (*range(count), count + 1)))
    return pa.Array.from_buffers(pa.string(), count, [None, ends, pa.py_buffer(b"a" * (count - 1) + b"\xff\xfe")])


def test_a_damaged_column_beside_good_images_is_an_error_that_names_the_mend(tmp_path: Path) -> None:
    levels = range(5, 20)
    file = parquet(tmp_path / "in" / "a.parquet", list(map(png, levels)), caption=[f"level {n}" for n in levels])
    damaged(file, "caption", 1)
    parquet(tmp_path / "in" / "b.parquet", [png(5)], caption=["good"])
    annotate(tmp_path / "in", tmp_path / "run", guard())
    assert {row["rating"] for row in rows(tmp_path / "run")} == {"Safe"}
    run = Finished.open(tmp_path / "run")
    with pytest.raises(DataError, match=r"a is damaged: .* Mend the file, or leave it out: --where \"shard <> 'a'\""):
        export(run, tmp_path / "out")
    told = CliRunner().invoke(app, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "told")])
    assert (told.exit_code, "Mend the file" in " ".join(told.stderr.split())) == (2, True), told.output
    assert export(run, tmp_path / "rest", where="shard <> 'a'").kept == 1
    in_whole_groups = export(run, tmp_path / "groups", where="shard <> 'a' or index not between 5 and 9")
    assert in_whole_groups.kept == 11, "a group of which nothing is kept is not read"


def test_rows_of_an_arrow_file_that_cannot_be_read_whole_are_not_left_out_in_silence(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([{"bytes": png(n), "path": None} for n in (5, 6, 7)], STRUCT)})
    table = table.append_column("caption", broken_text(3))
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    annotate(tmp_path / "a.arrow", tmp_path / "run", guard())
    assert [row["rating"] for row in rows(tmp_path / "run")] == ["Safe"] * 3
    with pytest.raises(DataError, match="Rows that are kept cannot be read whole"):
        export(Finished.open(tmp_path / "run"), tmp_path / "out")
