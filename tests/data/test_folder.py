from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.data.folder import LABELS_FILE, POLICIES_FILE, SampleFolder, SampleWriter, make_empty
from eyeward.data.sample import Sample
from eyeward.errors import DataError, UsageError
from eyeward.policy import Policy
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT


def sample(image: str, policy: Policy | str | None = None) -> Sample:
    return Sample(image=image, group=image, category=NA, rating=Rating.Safe, policy=policy)


def test_policies_are_written_once_and_found_by_hash(tmp_path: Path) -> None:
    children = Policy.load("children")
    writer = SampleWriter(tmp_path)
    for number in range(5):
        writer.write(sample(f"{number}.png", children))
    writer.write(sample("plain.png"))
    assert not (tmp_path / LABELS_FILE).exists()
    writer.finish()
    assert len((tmp_path / POLICIES_FILE).read_text(encoding="utf-8").splitlines()) == 1
    folder = SampleFolder(tmp_path)
    read = list(folder)
    assert [item.policy for item in read] == [*[children.hash] * 5, None]
    assert folder.policy_of(read[0]) == children
    assert folder.policy_of(read[-1]) == DEFAULT
    assert folder.policy_of(sample("x.png", DEFAULT.sensitive("O2"))) == DEFAULT.sensitive("O2")
    with pytest.raises(DataError, match="is not in policies.jsonl"):
        folder.policy_of(sample("x.png", "0" * 64))


def test_a_row_that_is_no_sample_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / LABELS_FILE).write_text(f"{sample('a.png').to_json()}\n\n{{}}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.jsonl:3: the key 'image' is missing"):
        list(SampleFolder(tmp_path))


def test_a_policy_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / LABELS_FILE).touch()
    (tmp_path / POLICIES_FILE).write_text('{"name": "x", "categories": []}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"policies\.jsonl:1: .*no categories"):
        SampleFolder(tmp_path).policy_of(sample("a.png", "0" * 64))


def test_a_folder_without_labels_says_what_writes_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="eyeward data import"):
        SampleFolder(tmp_path)


def test_bytes_that_are_no_text_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / LABELS_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        list(SampleFolder(tmp_path))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").touch()
    with pytest.raises(UsageError, match="not empty"):
        make_empty(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        make_empty(tmp_path / "kept.txt")
