"""Cards say how a checkpoint is asked; one without a card is known by its name and its model type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eyeward.engine.rating import Calibration, Platt
from eyeward.errors import CheckpointError
from eyeward.guard.card import (
    EyewardCard,
    Probe,
    Promise,
    PromptOrder,
    ScopeSettings,
    Vocabulary,
    checkpoint_name,
    published_card,
)
from eyeward.guard.forms import PUBLISHED_2024_ANSWER, PUBLISHED_2025_ANSWER
from eyeward.policy import PUBLISHED_2024, PUBLISHED_2025
from eyeward.verdict import NA, Rating
from tests.engine.local.tiny import write_json

CARD = EyewardCard(
    name="full",
    about="Says all.",
    trained_to_judge=False,
    template_asks=True,
    answer=PUBLISHED_2024_ANSWER,
    order=PromptOrder.image_first,
    wording=PUBLISHED_2024,
    after_policy="",
    vocabulary=Vocabulary.met_in_training,
    training_policies=("a" * 64,),
    known_policy="name: one\n",
    calibration=Calibration(default=Platt(scale=2.0, shift=-0.5), categories={"O6": Platt(scale=1.5)}),
    threshold=0.25,
    review_band=(0.2, 0.3),
    promise=Promise(recall=0.9, confidence=0.95, data="photos", unsafe=100, missed=3),
    scope=ScopeSettings(layers=(1, 2), threshold=0.5),
    probes=(Probe(image="probes/a.png", policy="news", rating=Rating.Safe, category=NA, p_unsafe_raw=0.125),),
    probe_tolerance=0.1,
)


def test_every_field_of_a_card_is_the_same_after_writing(tmp_path: Path) -> None:
    CARD.write(tmp_path)
    assert EyewardCard.read(tmp_path) == CARD
    assert EyewardCard.read(tmp_path, "another name") == CARD
    left_at_default = [name for name, field in EyewardCard.model_fields.items() if getattr(CARD, name) == field.default]
    assert left_at_default == ["profile"]


@pytest.mark.parametrize(
    ("name", "model_type", "first"),
    [
        ("AIML-TUDA/LlavaGuard-v1.0-7B-hf", None, True),
        ("AIML-TUDA/LlavaGuard-v1.1-13B-hf", None, True),
        ("LlavaGuard-7B-hf", None, True),
        ("LlavaGuard-34B", None, True),
        ("anything", "llava", True),
        ("anything", "llava_next", True),
        ("AIML-TUDA/LlavaGuard-v1.2-7B-OV-hf", "llava_onevision", False),
        ("AIML-TUDA/QwenGuard-v1.2-3B", "qwen2_5_vl", False),
        ("anything", None, False),
    ],
)
def test_published_checkpoints_are_asked_in_the_words_of_their_release(
    name: str, model_type: str | None, first: bool
) -> None:
    card = published_card(name, model_type)
    assert (card.name, card.order, card.after_policy) == (name, PromptOrder.image_first, "")
    assert card.answer == (PUBLISHED_2024_ANSWER if first else PUBLISHED_2025_ANSWER)
    assert card.wording == (PUBLISHED_2024 if first else PUBLISHED_2025)


def test_a_folder_without_a_card_is_known_by_the_model_type_of_its_configuration(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"model_type": "llava_next"})
    assert EyewardCard.read(tmp_path).answer == PUBLISHED_2024_ANSWER
    for content in ("{", "[]", '{"model_type": 7}'):
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
        assert EyewardCard.read(tmp_path).answer == PUBLISHED_2025_ANSWER
    (tmp_path / "config.json").unlink()
    assert EyewardCard.read(tmp_path).name == tmp_path.name


def test_a_snapshot_of_the_hub_is_called_by_its_repository(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--owner--some-guard" / "snapshots" / ("c" * 40)
    assert checkpoint_name(snapshot) == "owner/some-guard"
    assert checkpoint_name(snapshot.parent) == "snapshots"
    assert checkpoint_name(tmp_path / "mine") == "mine"


@pytest.mark.parametrize(
    "changes",
    [
        {"probes": [{"image": "../a.png", "rating": "Safe", "category": NA, "p_unsafe_raw": 0.1}]},
        {"probes": [{"image": "/a.png", "rating": "Safe", "category": NA, "p_unsafe_raw": 0.1}]},
        {"scope": {"file": "a/../../b", "layers": [1], "threshold": 1.0}},
    ],
)
def test_a_card_names_no_file_outside_of_its_folder(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="outside of the checkpoint's folder"):
        EyewardCard.model_validate({"name": "x"} | changes)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"probe_tolerance": 0.0}, "probe_tolerance"),
        ({"scope": {"layers": [1], "threshold": 0.0}}, "scope.threshold"),
        ({"probes": [{"image": "a", "rating": "Bad", "category": NA, "p_unsafe_raw": 0.1}]}, "probes.0.rating"),
        ({"colour": "red"}, "colour"),
        ({"order": "any"}, "order"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_key(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    write_json(tmp_path / "eyeward.json", {"name": "x"} | changes)
    with pytest.raises(CheckpointError, match=f"'{key}'"):
        EyewardCard.read(tmp_path)
