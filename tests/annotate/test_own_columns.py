"""The dataset's own columns are put aside in parts, whatever is damaged or differs from shard to shard."""

from __future__ import annotations

import gc
import random
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from eyeward.annotate import own_columns
from eyeward.annotate.audit.classes import class_effects
from eyeward.annotate.item import Shard
from eyeward.annotate.own_columns import OwnColumns
from eyeward.annotate.query import answer
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.cli.main import app
from tests.annotate.test_filtering import damaged
from tests.annotate.world import DEFAULT, EXEMPT, parquet, pictures, png, samples, tar
from tests.evaluate.worlds import guard


def ask(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return list(answer(folder, sql).rows)


def test_memory_holds_a_part_of_one_shard(tmp_path: Path) -> None:
    draw = random.Random(7)
    shards, each = 12, 1 << 20
    for shard in range(shards):
        captions = [f"{draw.getrandbits(8 * 32_768):x}" for _ in range(each // 65_536)]
        parquet(tmp_path / "in" / f"{shard:02}.parquet", [png(5)] * len(captions), caption=captions)
    annotate(tmp_path / "in", tmp_path / "run", guard())
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        found = ask(tmp_path / "run", "select count(*), sum(length(caption)) > 12_000_000 from annotated")
    finally:
        pa.set_memory_pool(before)
    assert found == [(shards * (each // 65_536), True)]
    assert 0 < (pool.max_memory() or 0) < 6 * each, "and not that of all shards"


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_parts_of_any_length_make_the_same_whole(rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [20 * number for number in range(13)]
    parquet(tmp_path / "in" / "a.parquet", list(map(png, levels)), level=levels, caption=[f"l {n}" for n in levels])
    parquet(tmp_path / "in" / "b.parquet", list(map(png, levels)), level=levels)
    tar(tmp_path / "packed" / "0.tar", samples(0))
    for source in ("in", "packed"):
        annotate(tmp_path / source, tmp_path / f"{source}-run", guard(), (DEFAULT, EXEMPT))
    monkeypatch.setattr(own_columns, "_ROWS_ASIDE", rows)
    matching = "select count(*), count(caption), bool_and(round(p_unsafe * 255)::int = level) from annotated"
    assert ask(tmp_path / "in-run", matching) == [(52, 26, True)]
    assert ask(tmp_path / "packed-run", matching) == [(24, 24, True)]
    assert ask(tmp_path / "in-run", 'select shard, count(distinct "index") from source group by 1 order by 1') == [
        ("a", 13),
        ("b", 13),
    ]


def test_columns_that_differ_from_shard_to_shard_become_text_and_nothing_is_lost(tmp_path: Path) -> None:
    def write(name: str, **columns: Any) -> None:
        (tmp_path / "in").mkdir(exist_ok=True)
        pq.write_table(pa.table({"jpg": [png(5)], **columns}), tmp_path / "in" / f"{name}.parquet")

    nothing = pa.nulls(1)
    write("a", size=[1], about=[{"x": 1}], flag=[True], never=nothing, Label=["one"])
    write("b", size=[1.5], about=["text"], flag=[7], never=nothing, label=["two"])
    write("c", size=nothing, about=[[1, 2]], flag=nothing)
    annotate(tmp_path / "in", tmp_path / "run", guard())
    found = ask(tmp_path / "run", "select shard, size, about, flag, never, label from annotated order by shard")
    assert found == [
        ("a", 1.0, "{'x': 1}", "true", None, "one"),
        ("b", 1.5, "text", "7", None, "two"),
        ("c", None, "[1, 2]", None, None, None),
    ]
    assert ask(tmp_path / "run", "select about from annotated where shard = 'b'") == [("text",)]


def test_columns_with_parts_stay_what_they_are_where_all_shards_agree(tmp_path: Path) -> None:
    for name in ("a", "b"):
        parquet(tmp_path / "in" / f"{name}.parquet", [png(5)], about=[{"author": name, "tags": ["x", "y"]}])
    annotate(tmp_path / "in", tmp_path / "run", guard())
    assert ask(tmp_path / "run", "select about.author, about.tags[2] from annotated order by 1") == [
        ("a", "y"),
        ("b", "y"),
    ]


def test_text_that_is_no_unicode_does_no_harm(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(5)), ("a.json", b'{"said": "\\ud800x", "\\udc00": 1, "\\"q": 2}')])
    annotate(source, tmp_path / "run", guard())
    assert ask(tmp_path / "run", """select said, "\\udc00", "\"\"q" from annotated""") == [("\\ud800x", 1, 2)]


def test_a_damaged_table_is_rows_without_columns_and_ends_nothing(tmp_path: Path) -> None:
    levels = range(5, 20)
    whole = parquet(tmp_path / "in" / "a.parquet", list(map(png, levels)), caption=[f"level {n}" for n in levels])
    damaged(whole, "caption", 1)
    (tmp_path / "in" / "b.parquet").write_bytes(b"PAR1 no parquet at all PAR1")
    annotate(tmp_path / "in", tmp_path / "run", guard())
    found = ask(tmp_path / "run", 'select shard, "index", caption, rating from annotated order by shard, "index"')
    assert [row[2] for row in found[:15]] == [f"level {n}" if not 10 <= n < 15 else None for n in levels]
    assert {row[3] for row in found[:15]} == {"Safe"}
    assert found[15:] == [("b", 0, None, None)]
    (effects,) = class_effects(tmp_path / "run", "caption")
    by_name = {effect.name: (effect.rows, effect.removed.count) for effect in effects.effects}
    assert by_name["(none)"] == (6, 1)
    result = CliRunner().invoke(app, ["audit", str(tmp_path / "run"), "--class-column", "caption"])
    assert (result.exit_code, result.exception) == (0, None), result.output


def test_they_lie_in_the_folder_for_temporary_files_and_go_with_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate(pictures(tmp_path / "in", [5, 250]), tmp_path / "run", guard())
    (tmp_path / "aside").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "aside"))
    rows = answer(tmp_path / "run", "select folder from annotated order by 1").rows
    gc.collect()
    assert len(list((tmp_path / "aside").glob("*/*.parquet"))) == 1
    assert list(rows) == [("even",), ("odd",)]
    del rows
    gc.collect()
    assert list((tmp_path / "aside").iterdir()) == []
    never_read = answer(tmp_path / "run", "select folder from annotated")
    assert len(list((tmp_path / "aside").iterdir())) == 1
    del never_read
    gc.collect()
    assert list((tmp_path / "aside").iterdir()) == []


def test_only_what_is_named_is_put_aside(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", [png(5), None], Label=["a", "b"], caption=["x", "y"], key=["k", "l"])
    shards: tuple[Shard, ...] = open_source(file).shards
    chosen = OwnColumns(shards, ["label"])
    (written,) = chosen.folder.iterdir()
    assert pq.read_schema(written).names == ["shard", "index", "Label"]
    assert list(chosen.names) == ["Label", "caption", "source_key"]
    assert [chosen.lacks(name) for name in ("label", "CAPTION", "rating", "kind")] == [False, False, False, True]
    places = OwnColumns(shards, [])
    (alone,) = places.folder.iterdir()
    assert pq.read_table(alone).to_pylist() == [{"shard": "a", "index": 0}, {"shard": "a", "index": 1}]
