from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.publish.card import read_card
from tests.publish.repositories import write_card


def sentences(folder: Path, *others: str) -> str:
    names = {file.name for file in folder.iterdir()} | set(others)
    return " ".join(str(refusal) for refusal in read_card(folder, names)[1])


@pytest.mark.parametrize("front", ["license: apache-2.0", "license: [cc-by-4.0, mit]", "license: Apache-2.0\nx: 1"])
def test_a_card_with_a_licence_of_the_hub_is_good(tmp_path: Path, front: str) -> None:
    write_card(tmp_path, front)
    assert sentences(tmp_path) == ""


def test_the_licence_and_the_text_below_are_read(tmp_path: Path) -> None:
    write_card(tmp_path, "license: [CC-BY-4.0, mit]", "What it is.\n\n---\nnot a front matter\n---\n")
    card, refusals = read_card(tmp_path, {"README.md"})
    assert (card.licences, refusals) == (("cc-by-4.0", "mit"), ())
    assert card.text.strip().startswith("What it is.")
    assert "not a front matter" in card.text


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("pretty_name: x", "names no licence; write `license: apache-2.0`"),
        ("license:", "names no licence"),
        ("license: []", "names no licence"),
        ("license: unknown", "says that the licence is unknown; find it out"),
        ("license: my own", "'my own', which the Hub does not know; use one of its ids"),
        ("license: [mit, secret]", "'secret', which the Hub does not know"),
        ("license: other\nlicense_link: https://example.org", "without its name; add `license_name`"),
        ("license: other\nlicense_name: mine", "without its text; add `license_link` or a LICENSE file"),
        ("just words", "front matter without keys"),
        ("a: [", "a front matter that is not YAML"),
    ],
)
def test_a_licence_that_says_nothing_is_refused_with_the_mend(tmp_path: Path, front: str, words: str) -> None:
    write_card(tmp_path, front)
    assert words in sentences(tmp_path)


def test_another_licence_with_name_and_text_is_good(tmp_path: Path) -> None:
    write_card(tmp_path, "license: other\nlicense_name: mine")
    (tmp_path / "LICENSE").write_text("All of it.", encoding="utf-8")
    assert sentences(tmp_path) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is missing; write a card"),
        ("# Scenes\n", "has no front matter"),
        ("---\nlicense: mit\n", "has no front matter"),
        ("---\nlicense: mit\n---\n \n", "says nothing below its front matter"),
        ("---\n---\n\ntext", "front matter without keys"),
    ],
)
def test_a_card_that_is_none_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert words in sentences(tmp_path)


def test_a_card_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"---\nlicense: mit\n---\n\xff")
    assert "cannot be read" in sentences(tmp_path)
