"""Guards load by name, and only if they answer as they should."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eyeward
from eyeward.engine.local import engine as local_engine
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.errors import CheckpointError, SelfCheckFailed, UsageError
from eyeward.guard import loading
from eyeward.guard.card import EyewardCard, Probe, ScopeSettings, Vocabulary
from eyeward.guard.scope import fit_scope
from eyeward.policy import Policy
from eyeward.verdict import Rating, Status
from tests.engine.local.tiny import make_checkpoint

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 255, (50, 70, 3), dtype=np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tiny"
    make_checkpoint(place)
    EyewardCard(name="tiny").write(place)
    return place


def load(folder: Path | str) -> eyeward.Guard:
    """Load random weights: their heads are not those of a guard, and the self check would say so."""
    return eyeward.load_guard(folder, self_check="off")


def probe(folder: Path, **changes: Any) -> Probe:
    PICTURE.save(folder / "probe.png")
    verdict = load(folder).assess(PICTURE, "default")
    assert verdict.rating is not None
    assert verdict.category is not None
    assert verdict.p_unsafe_raw is not None
    facts = {"rating": verdict.rating, "category": verdict.category, "p_unsafe_raw": verdict.p_unsafe_raw}
    return Probe.model_validate({"image": "probe.png", **facts, **changes})


def test_a_folder_becomes_a_guard_that_judges(folder: Path) -> None:
    guard = load(folder)
    verdict = guard.assess(PICTURE, "default", explain=True)
    assert verdict.status is Status.ok
    assert (verdict.model.name, verdict.model.engine, len(verdict.model.revision or "")) == ("tiny", "local", 64)
    assert sum(verdict.category_probabilities.values()) == pytest.approx(1.0)
    alone = guard.assess(PICTURE, "default")
    assert alone.p_unsafe == pytest.approx(verdict.p_unsafe, abs=1e-4)


@pytest.mark.parametrize(("memory_gb", "memory_bytes"), [(None, 2 * 2**30), (0.25, 2**28), (1, 2**30)])
def test_the_memory_of_a_pass_reaches_the_engine(folder: Path, memory_gb: float | None, memory_bytes: int) -> None:
    guard = eyeward.load_guard(folder, self_check="off", memory_gb=memory_gb)
    assert isinstance(guard.engine, LocalEngine)
    assert (
        guard.engine._tokens_at_once == LocalEngine(load_checkpoint(folder), memory_bytes=memory_bytes)._tokens_at_once
    )


@pytest.mark.parametrize("memory_gb", [0, -1, math.nan, math.inf, True, "2"])
def test_what_is_no_amount_of_memory_is_refused_before_anything_is_loaded(memory_gb: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="memory_gb is a number of gigabytes above zero"):
        eyeward.load_guard(tmp_path / "nothing-is-here", memory_gb=memory_gb)


def test_more_memory_than_there_is_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine, "memory_of", lambda device: 4 * 2**30)
    eyeward.load_guard(folder, self_check="off", memory_gb=4)
    with pytest.raises(UsageError, match="memory_gb is 4.5, and the device 'cpu' has 4.0 gigabytes in all"):
        eyeward.load_guard(folder, self_check="off", memory_gb=4.5)
    monkeypatch.setattr(local_engine, "memory_of", lambda device: None)
    eyeward.load_guard(folder, self_check="off", memory_gb=4.5)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("http://127.0.0.1:9/v1#m", {}, "weights that the local engine runs"),
        ("mini", {"engine": "http://127.0.0.1:9/v1"}, "weights that the local engine runs"),
        ("mini", {"engine": "vllm"}, "weights that the local engine runs"),
        ("nudenet", {}, "tiles and memory out"),
    ],
)
def test_the_memory_of_weights_that_run_elsewhere_is_not_ours_to_bound(
    name: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        eyeward.load_guard(name, memory_gb=1.0, **options)  # type: ignore[arg-type]


def test_a_checkpoint_without_a_card_is_asked_as_a_published_one(folder: Path) -> None:
    (folder / "eyeward.json").unlink()
    verdict = load(folder).assess(PICTURE, "default")
    assert (verdict.status, verdict.model.name) == (Status.ok, "tiny")


def test_a_guard_that_ships_inside_is_found_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "WEIGHTS", folder.parent)
    assert list(loading.packaged_guards()) == ["tiny"]
    assert load("tiny").model.name == "tiny"
    with pytest.raises(CheckpointError, match="ship inside: tiny"):
        eyeward.load_guard("maxi")


def test_a_checkpoint_in_the_cache_of_the_hub_is_known_by_its_name_and_not_by_its_commit(folder: Path) -> None:
    (folder / "eyeward.json").unlink()
    snapshots = folder.parent / "models--AIML-TUDA--LlavaGuard-v1.1-7B-hf" / "snapshots"
    snapshots.mkdir(parents=True)
    guard = load(folder.rename(snapshots / ("a1" * 20)))
    assert (guard.model.name, guard.model.revision) == ("AIML-TUDA/LlavaGuard-v1.1-7B-hf", "a1" * 20)
    question = guard.profile.question(Policy.load("default"))
    assert '"decision": "' in str(question.form)


def test_a_folder_is_called_by_its_name_wherever_one_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "eyeward.json").unlink()
    monkeypatch.chdir(folder)
    assert EyewardCard.read(Path()).name == "tiny"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"order"', '"ordre"', "the key 'ordre' is unknown; take it away"),
        ('"name": "tiny",', "", "the key 'name' is missing"),
        ('"threshold": 0.5', '"threshold": 7', "'threshold' is 7: input should be less than or equal to 1"),
        ("{", "", "invalid JSON"),
    ],
)
def test_a_fault_in_a_card_is_one_sentence_with_its_key(folder: Path, old: str, new: str, said: str) -> None:
    card = folder / "eyeward.json"
    text = card.read_text(encoding="utf-8")
    assert old in text
    card.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CheckpointError) as refused:
        EyewardCard.read(folder)
    sentence = str(refused.value)
    assert sentence.startswith(f"{card} is not the card of a guard: ")
    assert said in sentence
    assert "\n" not in sentence
    assert "pydantic" not in sentence


def test_what_is_wrong_with_a_guard_that_ships_inside_is_said_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "WEIGHTS", folder.parent)
    with pytest.raises(CheckpointError, match=r"dtype 'int8' is not one of"):
        eyeward.load_guard("tiny", dtype="int8")
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        eyeward.load_guard("tiny")


@pytest.mark.parametrize("device", ["foo", "cuda:99", "meta"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(folder: Path, device: str) -> None:
    with pytest.raises(UsageError, match=rf"^There is no device '{device}' here; use one of auto, cpu"):
        eyeward.load_guard(folder, device=device)


def test_a_guard_says_whether_it_has_learned_from_verdicts(folder: Path) -> None:
    assert load(folder).trained_to_judge
    EyewardCard(name="tiny", trained_to_judge=False).write(folder)
    assert not load(folder).trained_to_judge


def test_probes_with_the_stored_answers_pass(folder: Path) -> None:
    EyewardCard(name="tiny", probes=(probe(folder),)).write(folder)
    eyeward.load_guard(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"p_unsafe_raw": 0.01}, "had 0.010"),
        ({"rating": "Review"}, "it was Review"),
        ({"image": "lost.png"}, "lost.png does not exist"),
        ({"policy": "no-such-policy"}, "cannot be asked"),
    ],
)
def test_a_probe_with_another_answer_is_refused_or_warned_about(folder: Path, changes: Any, said: str) -> None:
    EyewardCard(name="tiny", probes=(probe(folder, **changes),)).write(folder)
    with pytest.raises(SelfCheckFailed, match=said):
        eyeward.load_guard(folder)
    with pytest.warns(UserWarning, match=said):
        eyeward.load_guard(folder, self_check="warn")
    eyeward.load_guard(folder, self_check="off")


def test_a_probe_is_asked_under_its_own_policy(folder: Path) -> None:
    policy = Policy.load("default").only("O1", "O6")
    verdict = load(folder).assess(PICTURE, policy)
    assert verdict.p_unsafe_raw is not None
    own = probe(
        folder,
        policy=policy.to_yaml(),
        p_unsafe_raw=verdict.p_unsafe_raw,
        rating=verdict.rating,
        category=verdict.category,
    )
    EyewardCard(name="tiny", probes=(own,), probe_tolerance=1e-4).write(folder)
    eyeward.load_guard(folder)


def test_a_checkpoint_without_a_chat_template_is_refused(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(SelfCheckFailed, match="no chat template"):
        eyeward.load_guard(folder)


def test_weights_that_give_no_numbers_are_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    tensors = load_file(file)
    tensors["model.language_model.norm.weight"].fill_(float("nan"))
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(SelfCheckFailed, match="not finite"):
        eyeward.load_guard(folder)


def test_image_tokens_that_are_miscounted_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["vision_aspect_ratio"] = "anyres_max_1"
    (folder / "config.json").write_text(json.dumps(config))
    processor = {"vision_aspect_ratio": "anyres_max_1"}
    (folder / "processor_config.json").write_text(json.dumps(processor))
    from eyeward.guard.loading import load_subject
    from eyeward.guard.self_check import faults

    subject = load_subject(folder)
    assert subject.checkpoint is not None
    assert not any("tokens are counted" in fault for fault in faults(subject))
    subject.checkpoint.model.config.vision_aspect_ratio = "anyres_max_9"
    assert any("tokens are counted" in fault for fault in faults(subject))


def test_a_scope_check_is_read_from_the_folder(folder: Path) -> None:
    features = np.random.default_rng(0).normal(size=(2, 40, 64))
    fit_scope(*features).save(folder / "scope" / "check.safetensors")
    settings = ScopeSettings(layers=(2,), threshold=1e-6)
    EyewardCard(name="tiny", scope=settings).write(folder)
    verdict = load(folder).assess(PICTURE, "default")
    assert verdict.review is not None
    assert (verdict.rating, verdict.review.reason) == (Rating.Review, "out_of_scope")
    EyewardCard(name="tiny", scope=settings.model_copy(update={"threshold": 1e9})).write(folder)
    assert load(folder).assess(PICTURE, "default").review is None
    EyewardCard(name="tiny", scope=settings.model_copy(update={"file": "lost.safetensors"})).write(folder)
    with pytest.raises(CheckpointError, match=r"lost\.safetensors"):
        eyeward.load_guard(folder)


def test_a_tokenizer_that_spells_words_in_bytes_says_so(folder: Path) -> None:
    EyewardCard(name="tiny", vocabulary=Vocabulary.met_in_training).write(folder)
    guard = load(folder)
    assert set(guard.coverage("default").not_covered) <= set(Policy.load("default").ids)
    strange = Policy.load("default").add_rule("O6", "ӿӿӿӿ", "should_not")
    assert "O6" in guard.coverage(strange).not_covered


def test_wrong_arguments_are_refused(folder: Path) -> None:
    load: Any = eyeward.load_guard
    with pytest.raises(UsageError, match="no engine 'cloud'"):
        load(folder, engine="cloud")
    with pytest.raises(UsageError, match="self_check is"):
        load(folder, self_check="maybe")


def test_a_card_that_is_none_is_refused(folder: Path) -> None:
    for content in (
        "{",
        '{"name": "x", "colour": "red"}',
        '{"name": "x", "scope": {"file": "../x", "layers": [1], "threshold": 1}}',
    ):
        (folder / "eyeward.json").write_text(content)
        with pytest.raises(CheckpointError, match=r"eyeward\.json"):
            eyeward.load_guard(folder)


def test_a_card_is_the_same_after_writing(tmp_path: Path) -> None:
    card = EyewardCard(name="mini", review_band=(0.4, 0.6), scope=ScopeSettings(layers=(2, 4), threshold=1.5))
    card.write(tmp_path)
    assert EyewardCard.read(tmp_path, "another") == card
