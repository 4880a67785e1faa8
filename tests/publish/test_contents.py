from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from safetensors.numpy import save_file

from eyeward.publish.contents import DATA_KINDS, MODEL_KINDS, content_refusals
from eyeward.publish.leaving import files_of
from tests.data.drawn import write_picture


def refused(folder: Path, kinds: frozenset[str] = DATA_KINDS | MODEL_KINDS) -> dict[str, str]:
    return {refusal.place: refusal.sentence for refusal in content_refusals(folder, files_of(folder)[0], kinds)}


def test_files_of_the_kinds_that_are_expected_may_leave(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1, 16)
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "a.parquet")
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    (tmp_path / "a.json").write_text('{"a": "b"}', encoding="utf-8")
    (tmp_path / "a.jinja").write_text("{{ messages }}", encoding="utf-8")
    (tmp_path / "a.model").write_bytes(b"\x0a\x00words")
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', encoding="utf-8")
    (tmp_path / "LICENSE").write_text("All of it.", encoding="utf-8")
    assert refused(tmp_path) == {}


@pytest.mark.parametrize("ending", ["bin", "pt", "pth", "pkl", "ckpt", "npy", "npz", "h5", "joblib", "PT", "Pickle"])
def test_weights_and_data_that_can_run_code_are_refused_with_what_to_save_instead(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"weights.{ending}").write_bytes(b"\x80\x04K\x01.")
    assert "can run code when somebody loads it; save weights as .safetensors" in refused(tmp_path)[f"weights.{ending}"]


@pytest.mark.parametrize("ending", ["py", "sh", "so", "exe", "js", "html", "ipynb", "PY"])
def test_programs_are_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"load.{ending}").write_text("print()", encoding="utf-8")
    assert refused(tmp_path)[f"load.{ending}"].startswith("is a program")


@pytest.mark.parametrize(
    ("name", "words"), [("a.zip", "is an archive"), ("a.xyz", "not expected"), ("Makefile", "not")]
)
def test_everything_else_is_refused_by_its_name(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("x", encoding="utf-8")
    assert words in refused(tmp_path)[name]


def test_weights_are_not_expected_among_data_nor_tables_beside_weights(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "a.parquet")
    assert set(refused(tmp_path, DATA_KINDS)) == {"a.safetensors"}
    assert set(refused(tmp_path, MODEL_KINDS)) == {"a.parquet"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.png", b"\x80\x04K\x01.not an image", "is called an image and is none"),
        ("a.json", b"\x80\x04\x00\x01pickled", "is called a text and is none"),
        ("a.json", b"{not json", "is called JSON and is none"),
        ("a.parquet", b"PAR1 but cut", "is called Parquet and is none, or is cut"),
        ("a.safetensors", b"\x80\x04K\x01.", "is called safetensors and is none"),
        ("a.safetensors", (2).to_bytes(8, "little") + b"[]", "is called safetensors and is none"),
        ("a.md", b"", "is empty"),
    ],
)
def test_a_file_is_what_it_is_called(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refused(tmp_path)[name]


@pytest.mark.parametrize("change", [-1, 1])
def test_weights_that_are_cut_or_have_something_behind_them_are_refused(tmp_path: Path, change: int) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, file)
    content = file.read_bytes()
    file.write_bytes(content[:-1] if change < 0 else content + b"x")
    assert "is cut, or longer" in refused(tmp_path)["a.safetensors"]


@pytest.mark.parametrize(
    "drawn",
    ["<script>x()</script>", '<rect onload="x()"/>', '<image href="https://example.org/a.png"/>', "<foreignObject/>"],
)
def test_a_drawing_that_runs_or_loads_something_is_refused(tmp_path: Path, drawn: str) -> None:
    (tmp_path / "a.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{drawn}</svg>', encoding="utf-8")
    assert "runs or loads something" in refused(tmp_path)["a.svg"]


def test_secrets_are_refused_by_name_and_by_content(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("x", encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text("{}\n{}\n" + "hf_" + "aB3" * 12 + "\n", encoding="utf-8")
    found = refused(tmp_path)
    assert "called like a file with a secret" in found["token.txt"]
    assert "holds a token of the Hugging Face Hub (line 3)" in found["rows.jsonl"]
    assert "aB3aB3" not in found["rows.jsonl"]


@pytest.mark.parametrize("path", ["/mnt/models/base", "/data/run/7", "/Users/me/x", "C:\\Users\\me"])
def test_a_path_of_this_machine_in_settings_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"a": [{"_name_or_path": path}]}), encoding="utf-8")
    assert "a path of this machine; take it out" in refused(tmp_path)["config.json"]


def test_a_token_that_looks_like_a_path_is_none(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"merges": ["/data/user"]}', encoding="utf-8")
    (tmp_path / "config.json").write_text('{"a": "see /data/user for more", "b": "owner/name"}', encoding="utf-8")
    assert refused(tmp_path) == {}
