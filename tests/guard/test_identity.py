"""What decides a guard's answers besides its weights has a digest, the same wherever it lies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import eyeward
from eyeward.engine.rating import Calibration, Platt
from eyeward.guard.card import EyewardCard, PromptOrder, ScopeSettings, Vocabulary
from eyeward.guard.identity import READ_FILES, settings_of
from tests.engine.local.tiny import make_checkpoint

CARD = EyewardCard(name="tiny")
_IN_ANOTHER_PROCESS = """
from pathlib import Path
from eyeward.guard.card import EyewardCard
from eyeward.guard.identity import settings_of
print(settings_of(Path("moved"), EyewardCard.read(Path("moved"))))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tiny"
    make_checkpoint(place)
    CARD.write(place)
    return place


def test_every_file_that_is_read_has_its_digest_and_no_other(folder: Path) -> None:
    before = settings_of(folder, CARD)
    assert set(before) == {
        "chat_template.jinja",
        "config.json",
        "eyeward.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    (folder / "notes.json").write_text("{}", encoding="utf-8")
    assert settings_of(folder, CARD) == before
    for name in READ_FILES:
        file = folder / name
        content = file.read_bytes() if file.is_file() else None
        file.write_bytes((content or b"") + b"\n")
        now = settings_of(folder, CARD)
        assert {key for key in now if now[key] != before.get(key)} == {name}
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
    assert settings_of(folder, CARD) == before


def test_the_same_checkpoint_loaded_again_is_the_same_guard_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    first, again = (eyeward.load_guard(folder, self_check="off") for _ in range(2))
    shutil.copytree(folder, tmp_path / "elsewhere" / "moved")
    moved = eyeward.load_guard(tmp_path / "elsewhere" / "moved", self_check="off")
    assert first.settings == again.settings == moved.settings == settings_of(folder, CARD)
    said = subprocess.run(
        [sys.executable, "-c", _IN_ANOTHER_PROCESS],
        cwd=tmp_path / "elsewhere",
        env={"PYTHONPATH": str(Path(eyeward.__file__).parents[1]), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == str(dict(first.settings))


@pytest.mark.parametrize(
    "change",
    [
        {"order": PromptOrder.image_first},
        {"vocabulary": Vocabulary.met_in_training},
        {"scope": ScopeSettings(layers=(2,), threshold=0.5)},
        {"profile": "zero_shot"},
        {"after_policy": ""},
    ],
    ids=str,
)
def test_what_a_card_decides_is_in_its_digest(change: dict[str, object]) -> None:
    assert settings_of(None, CARD.model_copy(update=change)) != settings_of(None, CARD)


def test_what_a_card_says_to_people_or_a_guard_has_of_its_own_is_not() -> None:
    other = EyewardCard(
        name="another",
        about="A sentence.",
        trained_to_judge=False,
        threshold=0.3,
        review_band=(0.2, 0.4),
        calibration=Calibration(categories={"O1": Platt(scale=2.0, shift=0.5)}),
        training_policies=("one",),
        probe_tolerance=0.2,
    )
    assert settings_of(None, other) == settings_of(None, CARD)


def test_a_changed_guard_keeps_its_settings(folder: Path) -> None:
    guard = eyeward.load_guard(folder, self_check="off")
    assert guard.with_threshold(0.3).with_review_band(0.2, 0.4).settings == guard.settings != {}
