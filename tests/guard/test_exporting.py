"""Exported folders: the same guard under other tensor names, with the lines that serve and ask it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file
from typer.testing import CliRunner

import eyeward
from eyeward.cli.main import app
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import CheckpointError, UsageError
from eyeward.guard import EyewardCard, Probe, ScopeSettings
from eyeward.guard.exporting import SERVE_FILE, Target, export_guard
from eyeward.verdict import NA, Rating
from tests.engine.local.families.checkpoints import make_llava, make_llava_next, make_qwen
from tests.engine.local.tiny import make_checkpoint
from tests.engine.remote.asking import picture

MAKERS: list[Callable[..., Any]] = [make_checkpoint, make_llava, make_llava_next, make_qwen]


def answers(folder: Path) -> list[tuple[float | None, str | None]]:
    guard = eyeward.load_guard(folder, self_check="off", dtype="float32")
    verdicts = guard.assess_many([picture(60), Image.new("RGB", (90, 40), (200, 30, 30))], "default")
    return [(verdict.p_unsafe_raw, verdict.category) for verdict in verdicts]


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_an_exported_guard_answers_as_its_source_does(make: Callable[..., Any], target: Target, tmp_path: Path) -> None:
    make(tmp_path / "source", shards=2)
    exported = export_guard(tmp_path / "source", tmp_path / "made", target)
    assert answers(exported.folder) == answers(tmp_path / "source")
    assert len(list(exported.folder.glob("*.safetensors"))) == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_vision_tower_of_a_guard_that_ships_gets_the_names_that_vllm_reads(tmp_path: Path) -> None:
    folder = export_guard("mini", tmp_path / "mini", Target.vllm).folder
    with safe_open(folder / "model.safetensors", "pt") as tensors:
        tower = [name for name in tensors.keys() if name.startswith("vision_tower.")]  # noqa: SIM118
    assert tower
    assert all(name.startswith("vision_tower.vision_model.") for name in tower)


def test_a_guard_that_ships_passes_its_self_check_after_the_export(tmp_path: Path) -> None:
    folder = export_guard("mini", tmp_path / "mini", Target.vllm).folder
    guard = eyeward.load_guard(folder)
    assert guard.scope is not None


def test_nothing_beside_the_weights_could_be_taken_for_some_of_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_checkpoint(source)
    save_file({"mean": np.zeros(3, np.float32)}, source / "scope.safetensors")
    save_file({"x": np.zeros(3, np.float32)}, source / "adapter_model.safetensors")
    (source / "optimizer.pt").write_bytes(b"secret")
    picture(60).save(source / "probe.png")
    EyewardCard(
        name="own",
        scope=ScopeSettings(file="scope.safetensors", layers=(0,), threshold=1.0),
        probes=(Probe(image="probe.png", rating=Rating.Safe, category=NA, p_unsafe_raw=0.1),),
    ).write(source)
    folder = export_guard(source, tmp_path / "made", Target.vllm).folder
    assert [file.name for file in folder.glob("*.safetensors")] == ["model.safetensors"]
    assert not (folder / "optimizer.pt").exists()
    assert (folder / "probe.png").is_file()
    card = EyewardCard.read(folder)
    assert card.scope is not None
    assert (folder / card.scope.file).read_bytes() == (source / "scope.safetensors").read_bytes()


def test_a_folder_that_is_not_empty_is_left_as_it_is(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "source")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="not empty"):
        export_guard(tmp_path / "source", tmp_path / "made", Target.vllm)
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["mine.txt"]


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "source")
    probe = Probe(image="gone.png", rating=Rating.Safe, category=NA, p_unsafe_raw=0.1)
    EyewardCard(name="own", probes=(probe,)).write(tmp_path / "source")
    with pytest.raises(CheckpointError, match="gone.png"):
        export_guard(tmp_path / "source", tmp_path / "made", Target.vllm)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_guard_without_a_chat_template_is_not_exported(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "source")
    (tmp_path / "source" / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointError, match="no chat template"):
        export_guard(tmp_path / "source", tmp_path / "made", Target.vllm)


def test_the_lines_name_the_folder_the_room_and_the_model(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "source", context_length=32768)
    EyewardCard(name="owner/my guard").write(tmp_path / "source")
    exported = export_guard(tmp_path / "source", tmp_path / "with blank", Target.vllm)
    words = shlex.split(exported.serve)
    assert words[:2] == ["vllm", "serve"]
    assert words[2:6] == [str(exported.folder), "--served-model-name", "my-guard", str(exported.folder)]
    assert words[words.index("--limit-mm-per-prompt") + 1] == '{"image":1,"video":0}'
    assert 5120 <= int(words[words.index("--max-model-len") + 1]) < 32768
    asked = shlex.split(exported.ask)[-1]
    assert RemoteSettings.parse(asked).model == str(exported.folder)
    page = (exported.folder / SERVE_FILE).read_text(encoding="utf-8")
    assert exported.serve in page and exported.ask in page and exported.python in page


def test_no_server_is_told_to_read_more_than_the_model_can(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "source", context_length=2048)
    words = shlex.split(export_guard(tmp_path / "source", tmp_path / "made", Target.sglang).serve)
    assert words[:3] == ["python", "-m", "sglang.launch_server"]
    assert words[words.index("--context-length") + 1] == "2048"


def test_a_guard_with_a_scope_check_says_what_is_lost_behind_a_server(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["models", "export", "mini", str(tmp_path / "mini"), "--for", "vllm"])
    assert result.exit_code == 0
    assert "scope check" in result.stdout and 'self_check="warn"' in result.stdout
    assert "eyeward assess" not in result.stdout


def test_the_command_prints_the_lines(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "source")
    arguments = ["models", "export", str(tmp_path / "source"), str(tmp_path / "made"), "--for", "vllm"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert f"vllm serve {tmp_path / 'made'} " in result.stdout
    assert f"eyeward assess photos/ --model 'http://127.0.0.1:8000/v1#{tmp_path / 'made'}'" in result.stdout
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
