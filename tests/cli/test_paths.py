"""From arguments to image files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from eyeward.cli.paths import ImagePaths
from eyeward.errors import UsageError


def found(*arguments: str | Path, stdin: bytes = b"", null_separated: bool = False) -> list[str]:
    return list(ImagePaths([str(a) for a in arguments], io.BytesIO(stdin), null_separated))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.png", "a.JPG", "notes.txt", "deep/er/c.webp", "deep/.hidden.gif", "deep/list"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_walked_in_the_order_of_names_for_image_extensions(tree: Path) -> None:
    expected = ["a.JPG", "b.png", "deep/.hidden.gif", "deep/er/c.webp"]
    assert found("photos") == [f"photos/{name}" for name in expected]
    assert found(tree / "photos") == [f"{tree}/photos/{name}" for name in expected]


def test_files_that_a_folder_leaves_out_are_counted_once_however_often_it_is_walked(tree: Path) -> None:
    images = ImagePaths(["photos"], io.BytesIO())
    assert list(images) == list(images)
    assert images.left_out == {".txt": 1, "": 1}


def test_a_file_that_is_named_is_tried_whatever_it_is_called_and_whether_or_not_it_is_there(tree: Path) -> None:
    assert found("photos/notes.txt", "./nowhere.png", "photos/b.png") == [
        "photos/notes.txt",
        "./nowhere.png",
        "photos/b.png",
    ]


def test_a_pattern_gives_files_and_searches_the_folders_that_it_matches(tree: Path) -> None:
    assert found("photos/*.png") == ["photos/b.png"]
    assert found("phot*") == found("photos")
    assert found("photos/*.txt") == ["photos/notes.txt"]


def test_a_recursive_pattern_gives_every_file_once(tree: Path) -> None:
    assert found("photos/**/*.webp") == ["photos/deep/er/c.webp"]
    everything = found("photos/**")
    assert len(everything) == len(set(everything)) == 5


def test_a_name_with_brackets_is_that_file_and_not_a_pattern(tree: Path) -> None:
    (tree / "b[1].png").touch()
    (tree / "b1.png").touch()
    assert found("b[1].png") == ["b[1].png"]
    assert found("b[12].png") == ["b1.png"]


def test_standard_input_gives_one_path_a_line_literally(tree: Path) -> None:
    assert found("-", stdin=b"photos/*.png\n\nphotos\r\n with blanks .png") == [
        "photos/*.png",
        "photos",
        " with blanks .png",
    ]


def test_standard_input_may_be_separated_by_nul(tree: Path) -> None:
    assert found("x.png", "-", stdin=b"a\nb.png\0c.png\0", null_separated=True) == ["x.png", "a\nb.png", "c.png"]


def test_paths_split_over_reads_are_put_together() -> None:
    class Drops(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(3)

    images = ImagePaths(["-"], Drops(b"first.png\nsecond.png\n"))
    assert list(images) == ["first.png", "second.png"]


def test_a_name_that_is_no_text_keeps_its_bytes() -> None:
    assert [os.fsencode(path) for path in found("-", stdin=b"caf\xe9.png\n")] == [b"caf\xe9.png"]


def test_a_link_in_a_circle_ends(tree: Path) -> None:
    (tree / "photos" / "deep" / "back").symlink_to(tree / "photos")
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "d.png").touch()
    (tree / "photos" / "linked").symlink_to(tree / "elsewhere")
    assert found("photos")[-1] == "photos/linked/d.png"
    assert len(found("photos")) == 5


def test_a_link_to_itself_hides_nothing_beside_it(tree: Path) -> None:
    (tree / "photos" / "itself.png").symlink_to("itself.png")
    assert found("photos")[:3] == ["photos/a.JPG", "photos/b.png", "photos/deep/.hidden.gif"]
    assert found("photos")[-1] == "photos/itself.png"


def test_a_folder_that_cannot_be_opened_stands_for_itself(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "deep":
            raise PermissionError(13, "Permission denied", str(folder))
        return opened(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found("photos") == ["photos/a.JPG", "photos/b.png", "photos/deep"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["empty"], b"", "There are no images in the folder 'empty' (looked for .apng, .bmp"),
        (["photos", "empty"], b"", "no images in the folder 'empty'"),
        (["photos/*.gif"], b"", "No file matches 'photos/*.gif'"),
        ([""], b"", "An empty path"),
        (["-"], b"", "no paths on standard input"),
        (["-"], b"\n\n", "no paths on standard input"),
        (["-", "-"], b"a.png\n", "name it once"),
        (["-"], b"a.png\0b.png\0", "add -0"),
        (["-"], b"\xff" * 200_000, "does not hold paths"),
    ],
)
def test_arguments_that_name_no_image_are_refused_at_once(
    tree: Path, arguments: list[str], stdin: bytes, sentence: str
) -> None:
    with pytest.raises(UsageError) as refused:
        ImagePaths(arguments, io.BytesIO(stdin))
    assert sentence in str(refused.value)
