"""The texts that other guards are asked are those that were read when they changed last."""

from __future__ import annotations

import pytest

from tests.guard.profiles.golden_other_guards import ASKED, FOLDER, text


@pytest.mark.parametrize("name", ASKED)
def test_the_text_is_the_golden_one(name: str) -> None:
    assert text(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_text_belongs_to_a_guard() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(ASKED)
