"""`eyeward assess` with a fake guard: arguments, formats, exit codes, terminals."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.errors import SelfCheckFailed
from eyeward.policy import Policy
from tests.cli.fake_guard import WEAPONS, FakeGuard
from tests.cli.pictures import picture
from tests.cli.terminal import ROOT, command, environment, run_on_terminal


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> FakeGuard:
    fake = FakeGuard()
    monkeypatch.setattr(eyeward, "load_guard", lambda name, device: fake)
    return fake


@pytest.fixture
def no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, device: str) -> FakeGuard:
        raise AssertionError("a guard was loaded")

    monkeypatch.setattr(eyeward, "load_guard", refuse)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("cake.png", "day/weapon.png", "doubtful.jpg"):
        picture(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["assess", *arguments], input=stdin)


def judged(*arguments: str, stdin: bytes | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--format", "jsonl", stdin=stdin).stdout.splitlines()]


def test_a_cap_on_tiles_reaches_the_guard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caps: list[int] = []

    def load_guard(name: str, device: str, max_tiles: int) -> FakeGuard:
        caps.append(max_tiles)
        return FakeGuard()

    monkeypatch.setattr(eyeward, "load_guard", load_guard)
    assert run("photos", "--max-tiles", "3").exit_code == 0
    assert caps == [3]


def test_the_memory_of_a_pass_reaches_the_guard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, float]] = []

    def load_guard(name: str, device: str, **limits: float) -> FakeGuard:
        given.append(limits)
        return FakeGuard()

    monkeypatch.setattr(eyeward, "load_guard", load_guard)
    for options in (("--memory", "0.5"), ("--memory", "0.5", "--max-tiles", "3"), ()):
        assert run("photos", *options).exit_code == 0
    assert given == [{"memory_gb": 0.5}, {"memory_gb": 0.5, "max_tiles": 3}, {}]


def test_nonsense_about_memory_is_wrong_usage(folder: Path) -> None:
    result = run("photos", "--memory", "-1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "memory_gb is a number of gigabytes above zero" in result.stderr


def test_a_table_shows_every_image_and_counts_them(guard: FakeGuard, folder: Path) -> None:
    result = run("photos")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[1].startswith("photos/cake.png        Safe    ")
    assert lines[3].startswith("photos/day/weapon.png  Unsafe  ███████▎ 0.90  O6: Weapons or Substance Abuse")
    assert lines[4].strip() == "It is seen in the picture."
    assert lines[-1].startswith("3 images: 1 Safe, 2 Unsafe, 0 Review in ")
    assert f"(fake, policy default v1 {Policy.load('default').hash[:12]})" in lines[-1]


def test_a_pipe_gets_neither_colours_nor_a_bar(guard: FakeGuard, folder: Path) -> None:
    result = run("photos")
    assert "\x1b" not in result.stdout + result.stderr


def test_jsonl_is_one_verdict_a_line_in_order_with_the_paths_as_given(guard: FakeGuard, folder: Path) -> None:
    verdicts = judged("./photos/doubtful.jpg", "photos")
    assert [verdict["image"] for verdict in verdicts] == [
        "./photos/doubtful.jpg",
        "photos/cake.png",
        "photos/day/weapon.png",
        "photos/doubtful.jpg",
    ]
    assert [verdict["rating"] for verdict in verdicts] == ["Unsafe", "Safe", "Unsafe", "Unsafe"]
    assert set(verdicts[0]) == set(eyeward.Verdict.model_fields)


@pytest.mark.parametrize("paths", [["photos"], ["photos/cake.png"]])
def test_json_is_one_array_of_the_same_verdicts(guard: FakeGuard, folder: Path, paths: list[str]) -> None:
    assert json.loads(run(*paths, "--format", "json").stdout) == judged(*paths)


def test_patterns_and_standard_input_name_images(guard: FakeGuard, folder: Path) -> None:
    assert [verdict["image"] for verdict in judged("photos/**/*.png")] == ["photos/cake.png", "photos/day/weapon.png"]
    assert [verdict["image"] for verdict in judged("-", stdin=b"photos/cake.png\n")] == ["photos/cake.png"]
    assert len(judged("-", "-0", stdin=b"photos/cake.png\0photos/doubtful.jpg\0")) == 2


def test_the_options_change_the_policy_that_is_asked(guard: FakeGuard, folder: Path) -> None:
    options = ["--policy", "news", "--non-violating", "O6, O7", "--sensitive", "O2", "--only", "O2,O6,O7"]
    (verdict,) = judged("photos/day/weapon.png", *options)
    asked = Policy.load("news").only("O2", "O6", "O7").non_violating("O6", "O7").sensitive("O2")
    assert verdict["policy"] == asked.ref.model_dump()
    assert (verdict["rating"], verdict["category"]) == ("Safe", WEAPONS)


def test_rationales_are_asked_for_unless_they_are_not_wanted(guard: FakeGuard, folder: Path) -> None:
    assert judged("photos/cake.png")[0]["rationale"] == "It is seen in the picture."
    assert judged("photos/cake.png", "--no-explain")[0]["rationale"] is None
    assert "It is seen" not in run("photos/cake.png", "--no-explain").stdout


def test_threshold_and_review_band_reach_the_guard(guard: FakeGuard, folder: Path) -> None:
    (verdict,) = judged("photos/doubtful.jpg", "--threshold", "0.7")
    assert (verdict["rating"], verdict["threshold"]) == ("Safe", 0.7)
    (verdict,) = judged("photos/doubtful.jpg", "--review-band", "0.6", "0.8")
    assert (verdict["rating"], verdict["review"]["band"]) == ("Review", [0.6, 0.8])


def test_the_model_is_loaded_by_its_name_on_the_device(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def load(name: str, device: str) -> FakeGuard:
        asked.append((name, device))
        return FakeGuard()

    monkeypatch.setattr(eyeward, "load_guard", load)
    run("photos/cake.png")
    run("photos/cake.png", "--model", "some/guard", "--device", "cuda:1")
    assert asked == [("mini", "auto"), ("some/guard", "cuda:1")]


@pytest.mark.parametrize(
    ("paths", "gate", "code"),
    [
        (["cake"], False, 0),
        (["weapon", "page"], False, 0),
        (["cake"], True, 0),
        (["cake", "weapon"], True, 1),
        (["cake", "page"], True, 1),
        (["cake", "missing"], False, 3),
        (["cake", "missing"], True, 3),
        (["weapon", "missing"], False, 3),
        (["weapon", "missing"], True, 1),
    ],
)
@pytest.mark.parametrize("format", ["table", "json", "jsonl"])
def test_exit_codes(guard: FakeGuard, tmp_path: Path, paths: list[str], gate: bool, code: int, format: str) -> None:
    for name in ("cake", "weapon", "page"):
        picture(tmp_path / name)
    arguments = [str(tmp_path / path) for path in paths]
    assert run(*arguments, "--format", format, *(["--fail-on-unsafe"] if gate else [])).exit_code == code


def test_bad_files_are_errors_with_a_sentence_and_never_safe(guard: FakeGuard, folder: Path) -> None:
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture", encoding="utf-8")
    Image.effect_noise((64, 64), 50).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:2000])
    paths = [f"photos/{name}.png" for name in ("empty", "text", "cut", "gone")]
    result = run("photos/cake.png", *paths, "--format", "jsonl")
    assert result.exit_code == 3
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [verdict["rating"] for verdict in verdicts] == ["Safe", None, None, None, None]
    types = [verdict["error"]["type"] for verdict in verdicts[1:]]
    assert types == ["unreadable", "unsupported_format", "truncated", "not_found"]
    assert result.stderr == "4 images could not be judged; their status is 'error'.\n"
    table = run(*paths)
    assert table.stdout.splitlines()[-1].startswith("4 images: 0 Safe, 0 Unsafe, 0 Review, 4 error in ")
    assert "not_found: photos/gone.png does not exist." in " ".join(table.stdout.split())


def test_files_that_a_folder_leaves_out_are_named_by_kind(guard: FakeGuard, folder: Path) -> None:
    for name in ("a.heic", "b.heic", "labels.jsonl", "README"):
        (folder / name).touch()
    result = run("photos", "--format", "jsonl")
    assert len(result.stdout.splitlines()) == 3
    assert "Left out of folders, by extension: 4 files (2 .heic, 1 " in result.stderr


def test_a_policy_that_the_guard_cannot_read_in_full_is_said_to_be_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        eyeward, "load_guard", lambda name, device: FakeGuard(unknown_words=("zeppelin\x1b[2J", "moat"))
    )
    result = run("photos/cake.png", "--format", "jsonl")
    assert result.stderr == (
        "The guard 'fake' cannot judge O1 of policy 'default': it has never met 'zeppelin\\x1b[2J', 'moat'. "
        "Its verdicts on images are Review.\n"
    )


def test_a_guard_that_is_not_itself_is_one_sentence_and_exit_code_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, device: str) -> FakeGuard:
        raise SelfCheckFailed(f"The guard {name!r} does not pass its self check: the probe a.png is Safe.")

    monkeypatch.setattr(eyeward, "load_guard", fail)
    result = run("photos/cake.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("The guard 'mini' does not pass its self check")


@pytest.mark.usefixtures("no_guard", "folder")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["photos", "--sensitive", "O12"], "has no category 'O12'"),
        (["photos", "--non-violating", "o6"], "has no category 'o6'"),
        (["photos", "--only", "O1", "--sensitive", "O2"], "has no category 'O2'"),
        (["photos", "--only", ""], "--only names no category"),
        (["photos", "--non-violating", "O6,O7", "--sensitive", "O7"], "O7 cannot be under --non-violating and"),
        (["photos", "--policy", "defautl"], "no policy file 'defautl'"),
        (["photos", "--policy", "broken.yaml"], "broken.yaml:4: "),
        (["photos", "--threshold", "1.01"], "--threshold is a probability between 0 and 1, not 1.01"),
        (["photos", "--threshold", "nan"], "--threshold is a probability"),
        (["photos", "--review-band", "0.6", "0.4"], "the lower first, not 0.6 0.4"),
        (["photos", "--review-band", "nan", "0.4"], "--review-band is two probabilities"),
        (["empty"], "There are no images in the folder 'empty'"),
        (["photos", "none/*.png"], "No file matches 'none/*.png'"),
        (["-"], "no paths on standard input"),
        (["photos", "--threshold", "high"], "Invalid value for '--threshold'"),
        (["photos", "--format", "xml"], "Invalid value for '--format'"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_exit_code_2_before_anything_is_loaded(arguments: list[str], sentence: str) -> None:
    Path("empty").mkdir()
    Path("broken.yaml").write_text("name: broken\ncategories:\n  - id: O1\n    nam: Hate\n", encoding="utf-8")
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in " ".join(result.stderr.replace("│", " ").split())


def test_help_and_wrong_usage_import_no_torch(tmp_path: Path) -> None:
    script = """
import sys
from eyeward.cli.main import app
codes = []
folder = sys.argv[1]
for arguments in ("assess --help", f"assess {folder} --policy no", f"assess {folder}", "models --help", "models list"):
    try:
        app(arguments.split())
    except SystemExit as end:
        codes.append(end.code)
heavy = sorted({"torch", "transformers", "tokenizers"} & set(sys.modules))
print(codes, heavy)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[0, 2, 2, 0, 0] []"


def test_rows_come_out_before_the_next_path_has_come_in(tmp_path: Path) -> None:
    paths = [picture(tmp_path / name) for name in ("cake.png", "weapon.png")]
    process = subprocess.Popen(
        command("assess", "-", "--format", "jsonl"),
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    for path in paths:
        process.stdin.write(os.fsencode(path) + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["image"] == str(path)
    process.stdin.close()
    assert process.wait() == 0
    process.stdout.close()


def test_a_name_that_is_no_text_is_judged_and_shown_with_escapes(guard: FakeGuard, folder: Path) -> None:
    path = os.fsencode(folder) + b"/caf\xe9\x1b[2J.png"
    Path(os.fsdecode(path)).write_bytes((folder / "cake.png").read_bytes())
    (verdict,) = judged("-", stdin=path)
    assert (verdict["rating"], verdict["image"]) == ("Safe", f"{folder}/caf\\udce9\x1b[2J.png")
    table = run("-", stdin=path).stdout
    assert "\x1b" not in table and "caf\\udce9\\x1b[2J.png" in "".join(table.split())


def test_an_output_without_unicode_gets_escapes_and_no_crash(tmp_path: Path) -> None:
    path = picture(tmp_path / "straße.png")
    ran = {}
    for format in ("table", "jsonl"):
        ran[format] = subprocess.run(
            command("assess", str(path), "--format", format),
            cwd=ROOT,
            env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0"),
            capture_output=True,
            check=True,
        ).stdout.decode("ascii")
    assert "stra\\xdfe.png" in "".join(ran["table"].split())
    assert json.loads(ran["jsonl"])["image"] == str(path)


def test_a_terminal_sees_colours_and_a_bar_that_is_gone_at_the_end(tmp_path: Path) -> None:
    seen = run_on_terminal("assess", str(picture(tmp_path / "weapon.png")), "--fail-on-unsafe")
    assert seen.exit_code == 1
    assert "\x1b[31mUnsafe\x1b[0m" in seen.terminal
    assert "Judging" in seen.terminal and "Loading mini" in seen.terminal
    after_the_bar = seen.terminal.split("\x1b[2K")[-1]
    assert after_the_bar.startswith("1 image: ")


def test_no_colour_on_a_terminal_where_it_is_not_wanted(tmp_path: Path) -> None:
    path = str(picture(tmp_path / "weapon.png"))
    plain = run_on_terminal("assess", path, NO_COLOR="1").terminal
    assert "Unsafe" in plain and re.search(r"\x1b\[[0-9;]*m", plain) is None
    assert "\x1b" not in run_on_terminal("assess", path, TERM="dumb").terminal


@pytest.mark.parametrize("format", ["table", "json", "jsonl"])
def test_the_bar_is_on_standard_error_when_the_output_is_piped(tmp_path: Path, format: str) -> None:
    path = str(picture(tmp_path / "weapon.png"))
    seen = run_on_terminal("assess", path, "--format", format, output_is_piped=True)
    assert "Judging" in seen.terminal and "Judging" not in seen.piped
    assert "\x1b" not in seen.piped
    assert path not in seen.terminal and "weapon.png" in seen.piped
    if format == "json":
        assert json.loads(seen.piped)[0]["image"] == path


def test_json_on_a_terminal_is_still_json(tmp_path: Path) -> None:
    path = str(picture(tmp_path / "weapon.png"))
    seen = run_on_terminal("assess", path, path, "--format", "jsonl", width=40)
    lines = [line[line.index("{") :] for line in seen.terminal.splitlines() if "{" in line]
    assert [json.loads(line)["image"] for line in lines] == [path, path]


@pytest.mark.parametrize("format", ["table", "json", "jsonl"])
def test_a_full_disk_is_one_sentence_and_not_an_unsafe_image(tmp_path: Path, format: str) -> None:
    path = picture(tmp_path / "cake.png")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("assess", str(path), "--format", format),
            cwd=ROOT,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 4
    assert done.stderr == "The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("format", ["table", "json", "jsonl"])
def test_a_pipe_that_is_closed_ends_the_run_quietly_and_not_as_for_an_unsafe_image(tmp_path: Path, format: str) -> None:
    path = picture(tmp_path / "cake.png")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("assess", str(path), "--format", format),
        cwd=ROOT,
        env=environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (4, "")


def test_a_guard_that_has_seen_no_verdict_is_said_to_guess(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(eyeward, "load_guard", lambda name, device: FakeGuard(trained_to_judge=False))
    result = run("photos", "--format", "jsonl")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 3)
    assert result.stderr == (
        "'fake' was never taught to judge images by a policy; its ratings may be mere guesses. Measure it with "
        "`eyeward evaluate` before you rely on any.\n"
    )
