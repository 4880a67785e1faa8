"""Guards that vLLM runs in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import eyeward
from eyeward.engine.vllm.engine import VllmEngine
from eyeward.engine.vllm.settings import VllmSettings
from eyeward.errors import CheckpointError, MissingExtra, SelfCheckFailed, UsageError
from eyeward.guard import EyewardCard, ScopeSettings, vllm_loading
from tests.engine.local.questions import picture
from tests.engine.local.tiny import Naming, make_checkpoint
from tests.engine.vllm.fake_vllm import LLM, install


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[LLM]:
    made: list[LLM] = []
    install(monkeypatch, made)
    return made


def closed(guard: eyeward.Guard) -> None:
    assert isinstance(guard.engine, VllmEngine)
    guard.engine.close()


def test_verdicts_are_those_of_the_guard_in_this_process(made: list[LLM], tmp_path: Path) -> None:
    make_checkpoint(tmp_path, naming=Naming.published)
    EyewardCard(name="tiny", threshold=0.3).write(tmp_path)
    guard = eyeward.load_guard(tmp_path, engine="vllm", self_check="off")
    images = [picture(0), picture(1, 40, 90)]
    found = list(guard.assess_many(images, "default"))
    wanted = list(eyeward.load_guard(tmp_path, dtype="float32", self_check="off").assess_many(images, "default"))
    closed(guard)
    for mine, yours in zip(found, wanted, strict=True):
        assert mine.model is not None and yours.model is not None
        assert (mine.rating, mine.category, mine.threshold) == (yours.rating, yours.category, 0.3)
        assert mine.p_unsafe == pytest.approx(yours.p_unsafe, abs=1e-4)
        assert (mine.model.engine, mine.model.revision) == ("vllm", yours.model.revision)
    assert made[0].arguments["model"] == str(tmp_path)


def test_a_small_checkpoint_that_vllm_does_not_read_is_copied_under_other_names(
    made: list[LLM], tmp_path: Path
) -> None:
    make_checkpoint(tmp_path, naming=Naming.current)
    guard = eyeward.load_guard(tmp_path, engine=VllmSettings(batch=2), self_check="off")
    copy = Path(made[0].arguments["model"])
    assert copy != tmp_path and copy.is_dir()
    assert next(guard.assess_many([picture(0)], "default")).error is None
    assert guard.settings == eyeward.load_guard(tmp_path, self_check="off").settings, "they are not those of the copy"
    closed(guard)
    del guard
    assert not copy.exists()


def test_a_large_one_is_left_to_the_export(made: list[LLM], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_loading, "_SMALL", 1000)
    make_checkpoint(tmp_path, naming=Naming.nested)
    closed(eyeward.load_guard(tmp_path, engine="vllm", self_check="off"))
    (tmp_path / "adapter.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"adapter\.safetensors .* eyeward models export"):
        eyeward.load_guard(tmp_path, engine="vllm", self_check="off")


def test_a_guard_with_a_scope_check_is_refused_unless_told_otherwise(made: list[LLM], tmp_path: Path) -> None:
    make_checkpoint(tmp_path, naming=Naming.published)
    EyewardCard(name="tiny", scope=ScopeSettings(layers=(0,), threshold=1.0)).write(tmp_path)
    with pytest.raises(SelfCheckFailed, match="scope check"):
        eyeward.load_guard(tmp_path, engine="vllm")


def test_without_vllm_the_message_says_how_to_get_it() -> None:
    with pytest.raises(MissingExtra, match=r"eyeward\[vllm\].* environment of its own: python3 -m venv") as caught:
        eyeward.load_guard("mini", engine="vllm")
    assert caught.value.extra == "vllm"


def test_a_device_that_is_not_here_is_wrong_usage(made: list[LLM]) -> None:
    with pytest.raises(UsageError, match="'cuda:7' here"):
        eyeward.load_guard("mini", engine="vllm", device="cuda:7")


@pytest.mark.parametrize(
    ("visible", "device", "wanted"),
    [("", "auto", ["0", "1"]), ("3,5", "auto", ["3", "5"]), ("3,5", "cuda:1", ["5"]), ("", "cuda", ["0"])],
)
def test_each_of_several_gpus_is_named_as_its_process_will_see_it(
    visible: str, device: str, wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert vllm_loading._gpus(device) == wanted


def test_settings_of_vllm_and_an_address_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="behind a server"):
        eyeward.load_guard("http://127.0.0.1:1/v1#mini", engine=VllmSettings())
