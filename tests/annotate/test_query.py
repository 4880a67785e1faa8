"""Questions in SQL, over verdicts and over what the dataset itself knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eyeward.annotate.query import answer
from eyeward.annotate.run import annotate
from eyeward.errors import UsageError
from tests.annotate.world import DEFAULT, EXEMPT, parquet, pictures, png, samples, tar, troubled
from tests.evaluate.worlds import guard


def ask(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return list(answer(folder, sql).rows)


def test_verdicts_of_all_shards_are_one_table(tmp_path: Path) -> None:
    annotate(troubled(tmp_path / "in", 4), tmp_path / "run", guard(), (DEFAULT, EXEMPT))
    counted = ask(
        tmp_path / "run", "select error_type, count(*) from verdicts where status = 'error' group by 1 order by 1"
    )
    assert counted == [("truncated", 2), ("unsupported_format", 2)]


def test_the_columns_of_an_archive_stand_beside_its_verdicts(tmp_path: Path) -> None:
    source = tmp_path / "in"
    tar(source / "0.tar", samples(0))
    tar(source / "1.tar", [*samples(1), ("x.png", png(1)), ("x.json", b'{"level": "dark", "tags": ["a"]}')])
    annotate(source, tmp_path / "run", guard())
    found = ask(
        tmp_path / "run",
        "select key, source_key, level, round(p_unsafe * 255)::int from annotated where shard = '0' order by index",
    )
    assert [(key, key, str(level), level) for key, _, _, level in found] == found
    assert ask(tmp_path / "run", "select level, tags from annotated where key = 'x'") == [("dark", '["a"]')]


def test_the_columns_of_a_table_stand_beside_its_verdicts(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", [png(5), None, png(250)], caption=["dark", "none", "bright"])
    annotate(file, tmp_path / "run", guard())
    found = ask(tmp_path / "run", "select caption, rating from annotated order by index")
    assert found == [("dark", "Safe"), ("none", None), ("bright", "Unsafe")]
    assert "image" not in answer(tmp_path / "run", "select * from source").columns


def test_the_folders_of_loose_files_can_be_asked_about(tmp_path: Path) -> None:
    annotate(pictures(tmp_path / "in", [5, 250, 6]), tmp_path / "run", guard())
    found = ask(tmp_path / "run", "select folder, count(*) from annotated group by 1 order by 1")
    assert found == [("even", 2), ("odd", 1)]


@pytest.mark.parametrize(
    "sql", ["select nothing from verdicts", "selec", "create table t (a int)", "select 1; select 2", ""]
)
def test_what_is_no_question_is_refused(sql: str, tmp_path: Path) -> None:
    annotate(tar(tmp_path / "a.tar", samples(0)), tmp_path / "run", guard())
    with pytest.raises(UsageError, match="cannot be answered|is no question"):
        ask(tmp_path / "run", sql)


def test_where_nothing_is_finished_there_is_nothing_to_ask(tmp_path: Path) -> None:
    annotate(tar(tmp_path / "a.tar", samples(0)), tmp_path / "run", guard())
    (tmp_path / "run" / "a.safety.parquet").unlink()
    with pytest.raises(UsageError, match="No shard is finished"):
        ask(tmp_path / "run", "select 1")
    with pytest.raises(UsageError, match="holds no run"):
        ask(tmp_path, "select 1")
