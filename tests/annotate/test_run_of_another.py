"""A folder holds one run: what another one, a changed dataset or a damaged file would mix in is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from eyeward.annotate import record, shard_file
from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.run import annotate
from eyeward.annotate.shard_file import read_proof
from eyeward.annotate.sources import open_source
from eyeward.errors import UsageError
from tests.annotate.world import DEFAULT, EXEMPT, png, rows, tar, troubled, written
from tests.evaluate.worlds import asked, guard
from tests.fakes import CAPABILITIES, FakeEngine


def by_threshold(path: Path) -> None:
    annotate(path / "in", path / "out", guard(threshold=0.7))


def by_model(path: Path) -> None:
    annotate(path / "in", path / "out", guard(name="other"))


def by_policy(path: Path) -> None:
    annotate(path / "in", path / "out", guard(), [EXEMPT])


def by_explain(path: Path) -> None:
    annotate(path / "in", path / "out", guard(), explain="all")


def by_arithmetic(path: Path) -> None:
    of = guard()
    assert isinstance(of.engine, FakeEngine)
    of.engine.capabilities = replace(CAPABILITIES, arithmetic="float32 on cpu")
    annotate(path / "in", path / "out", of)


def by_sample(path: Path) -> None:
    annotate(path / "in", path / "out", guard(), sample=3)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (by_threshold, "guard.rule.threshold is 0.7 and was 0.5"),
        (by_model, 'guard.model.name is "other" and was "bright"'),
        (by_policy, 'policies is "exempt v1 '),
        (by_explain, 'explain is "all" and was "never"'),
        (by_arithmetic, 'guard.arithmetic is "float32 on cpu" and was null'),
        (by_sample, "sample is 3 and was null"),
    ],
)
def test_another_run_in_the_same_folder_is_refused_with_the_difference(
    change: Callable[[Path], None], difference: str, tmp_path: Path
) -> None:
    troubled(tmp_path / "in", 2)
    annotate(tmp_path / "in", tmp_path / "out", guard())
    before = written(tmp_path / "out")
    with pytest.raises(UsageError, match="holds another run") as refusal:
        change(tmp_path)
    assert difference in str(refusal.value)
    assert written(tmp_path / "out") == before


def test_another_answer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    troubled(tmp_path / "in", 2)
    annotate(tmp_path / "in", tmp_path / "out", guard())
    monkeypatch.setattr(record, "ANSWER_VERSION", record.ANSWER_VERSION + 1)
    with pytest.raises(UsageError, match="answer_version is 2 and was 1"):
        annotate(tmp_path / "in", tmp_path / "out", guard())


def test_the_file_of_another_run_is_refused_though_the_record_fits(tmp_path: Path) -> None:
    troubled(tmp_path / "in", 2)
    annotate(tmp_path / "in", tmp_path / "out", guard())
    annotate(tmp_path / "in", tmp_path / "other", guard(threshold=0.7))
    (tmp_path / "other" / "00001.safety.parquet").replace(tmp_path / "out" / "00001.safety.parquet")
    with pytest.raises(UsageError, match="belongs to another run"):
        annotate(tmp_path / "in", tmp_path / "out", guard())


def test_a_shard_that_changed_is_refused_or_judged_again_when_asked(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 3)
    annotate(source, tmp_path / "out", guard())
    tar(source / "00001.tar", [("new.png", png(1))])
    with pytest.raises(UsageError, match=r"'00001' has changed since it was answered.*--redo-changed"):
        annotate(source, tmp_path / "out", guard())
    of = guard()
    annotate(source, tmp_path / "out", of, redo_changed=True)
    assert asked(of) == 1
    assert [row["key"] for row in rows(tmp_path / "out") if row["shard"] == "00001"] == ["new"]


def test_answers_to_shards_that_are_gone_are_refused(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 3)
    annotate(source, tmp_path / "out", guard())
    (source / "00001.tar").unlink()
    with pytest.raises(UsageError, match="answers a shard that the dataset does not have"):
        annotate(source, tmp_path / "out", guard())


@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more", None])
def test_a_file_that_is_not_whole_is_refused(damage: bytes | None, tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 2)
    annotate(source, tmp_path / "out", guard())
    file = tmp_path / "out" / "00001.safety.parquet"
    file.write_bytes(file.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(UsageError, match="is no whole Parquet file"):
        annotate(source, tmp_path / "out", guard())


def test_a_foreign_parquet_file_under_the_name_of_an_answer_is_refused(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 2)
    annotate(source, tmp_path / "out", guard())
    file = tmp_path / "out" / "00001.safety.parquet"
    pq.write_table(pq.read_table(file).replace_schema_metadata(None), file)
    with pytest.raises(UsageError, match="was not written by this command"):
        annotate(source, tmp_path / "out", guard())


def test_the_footer_proves_what_was_answered(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 4)
    annotate(source, tmp_path / "out", guard(), (DEFAULT, EXEMPT))
    proof = read_proof(LocalFolder(tmp_path / "out"), "00002.safety.parquet")
    assert proof is not None
    assert proof.fingerprint == record.read_run(tmp_path / "out").fingerprint
    assert proof.input == open_source(source).shards[2].identity()
    assert (proof.counts.images, proof.counts.rows, proof.counts.repeated_keys) == (14, 28, 2)


def test_a_proof_is_read_however_long_the_footer_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate(troubled(tmp_path / "in", 1), tmp_path / "out", guard())
    proof = read_proof(LocalFolder(tmp_path / "out"), "00000.safety.parquet")
    monkeypatch.setattr(shard_file, "_FOOTER_BYTES", 64)
    assert proof == read_proof(LocalFolder(tmp_path / "out"), "00000.safety.parquet") is not None


def test_a_folder_with_answers_and_no_record_is_refused(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 1)
    annotate(source, tmp_path / "out", guard())
    (tmp_path / "out" / "run.json").unlink()
    with pytest.raises(UsageError, match=r"its run\.json is lost"):
        annotate(source, tmp_path / "out", guard())
