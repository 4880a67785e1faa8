from __future__ import annotations

import os
from pathlib import Path

from eyeward.publish.leaving import files_of


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")


def refused(folder: Path) -> dict[str, str]:
    return {refusal.place: refusal.sentence for refusal in files_of(folder)[1]}


def test_files_are_listed_with_their_sizes_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "b/c.json", "README.md", "b/a.json", ".gitattributes")
    files, refusals = files_of(tmp_path)
    assert [(file.name, file.bytes) for file in files] == [
        (".gitattributes", 14),
        ("README.md", 9),
        ("b/a.json", 8),
        ("b/c.json", 8),
    ]
    assert refusals == ()


def test_a_link_that_leads_out_is_refused_and_one_that_stays_inside_is_not(tmp_path: Path) -> None:
    write(tmp_path, "outside.txt", "elsewhere/b.txt", "in/a.txt")
    folder = tmp_path / "in"
    (folder / "here.txt").symlink_to("a.txt")
    (folder / "out.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "gone.txt").symlink_to("nowhere.txt")
    (folder / "others").symlink_to(tmp_path / "elsewhere")
    files, _ = files_of(folder)
    assert [file.name for file in files] == ["a.txt", "here.txt"]
    assert set(refused(folder)) == {"out.txt", "gone.txt", "others"}
    assert "put a copy in its place" in refused(folder)["out.txt"]


def test_hidden_files_and_folders_are_refused_once_and_not_looked_into(tmp_path: Path) -> None:
    write(tmp_path, "a.md", ".env", ".git/config", ".git/objects/1", "b/.DS_Store")
    assert set(refused(tmp_path)) == {".env", ".git", "b/.DS_Store"}
    assert [file.name for file in files_of(tmp_path)[0]] == ["a.md"]


def test_what_is_no_file_and_names_that_nobody_can_write_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b\nc.md", "d\\e.md")
    os.mkfifo(tmp_path / "pipe")
    assert set(refused(tmp_path)) == {repr("b\nc.md"), repr("d\\e.md"), "pipe"}


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "holds no files" in refused(tmp_path / "in")["in"]
