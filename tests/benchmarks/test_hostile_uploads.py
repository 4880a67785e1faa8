"""The benchmark of hostile uploads sends what it says, and a bar that is missed is an error."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.hostile_uploads import __main__ as benchmark
from benchmarks.hostile_uploads import server
from benchmarks.hostile_uploads.large import large_files
from eyeward.images import DecodedImage, decode
from eyeward.verdict import Verdict
from tests.serve.hostile import sound_files
from tests.serve.world import DARK, png

PIXELS = 100_000
LIMITS = server.limits_of(PIXELS)
SMALL = png(DARK)
CUT = SMALL[:45]


def found(**more: Any) -> benchmark.Found:
    """Return what is found when all is well, but for this."""
    peaks = {"small": 1 << 20, "alone": 1 << 20, "together": 1 << 20}
    fields: dict[str, Any] = {"statuses": Counter({200: 9}), "is_ready": True, "peaks": peaks, **more}
    return benchmark.Found(LIMITS, **fields)


def answered(*verdicts: dict[str, Any]) -> httpx2.Response:
    return httpx2.Response(200, json={"verdicts": verdicts})


def test_a_few_uploads_of_each_kind_meet_every_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.main(["--count", "64", "--pixels", str(PIXELS), "--json", str(tmp_path / "found.json")])
    whole = json.loads((tmp_path / "found.json").read_text())
    assert whole["uploads"] == 64 + 2 * 12 + 2 * 12
    assert whole["statuses"].keys() == {"200"}
    assert {"Safe", "truncated", "too_many_pixels"} <= whole["verdicts"].keys()
    assert "MISSED" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "more",
    [
        {"statuses": Counter({200: 9, 500: 1})},
        {"statuses": Counter({200: 9, 0: 1})},
        {"is_ready": False},
        {"unlike": 1},
        {"safe_and_unread": 1},
        {"resident": [100 << 20] * 5 + [165 << 20]},
        *(
            {"peaks": {"small": 0, "alone": 0, "together": 0, part: bound(LIMITS) + (2 << 20)}}
            for part, bound in (
                ("small", server.bound_alone),
                ("alone", server.bound_alone),
                ("together", server.bound_together),
            )
        ),
    ],
)
def test_each_bar_can_be_missed_and_then_it_is_an_error(
    more: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "measure", lambda count, pixels: found(**more))
    with pytest.raises(SystemExit, match="MISSED: "):
        benchmark.main(["--pixels", str(PIXELS)])
    assert capsys.readouterr().out.count("MISSED") == 1
    assert benchmark.report(found()) == []


def test_an_answer_that_is_not_what_the_bytes_decode_to_is_counted() -> None:
    right = benchmark.right_verdicts(LIMITS)
    sound, cut = right(SMALL).model_dump(mode="json"), right(CUT).model_dump(mode="json")
    assert (sound["rating"], cut["rating"]) == ("Safe", None)
    well = found()
    well.take([SMALL, CUT], answered(sound, cut), right)
    assert (well.unlike, well.safe_and_unread) == (0, 0)
    ill = found()
    ill.take([SMALL, CUT], answered(cut, sound), right)
    assert (ill.unlike, ill.safe_and_unread) == (2, 1)
    lost = found()
    lost.take([SMALL, SMALL], answered(sound), right)
    lost.take([SMALL], None, right)
    assert (lost.unlike, lost.statuses[0], lost.uploads) == (2, 1, 3)


@pytest.mark.parametrize("key", ["rating", "p_unsafe", "sha256", "frames_judged", "notes", "error"])
def test_every_key_that_follows_from_the_bytes_is_compared(key: str) -> None:
    verdict: Verdict = benchmark.right_verdicts(LIMITS)(SMALL)
    said = verdict.model_dump(mode="json")
    assert benchmark.is_right({**said, "seconds": 9.0, "image": "another"}, verdict)
    assert not benchmark.is_right({**said, key: "other"}, verdict)


def test_large_files_are_small_and_decode_to_nearly_what_is_allowed() -> None:
    files = dict(large_files(LIMITS))
    assert len(files) == 12
    for name, data in files.items():
        decoded = decode(data, LIMITS)
        assert isinstance(decoded, DecodedImage), name
        pixels = sum(frame.pixels.width * frame.pixels.height for frame in decoded.frames)
        most = LIMITS.max_decoded_pixels if "," in name else LIMITS.max_pixels
        assert pixels > 0.9 * most, name
        assert len(data) < pixels / 5, name


def test_pillow_alone_reads_what_is_sound_and_nothing_that_is_cut() -> None:
    assert all(map(benchmark.pillow_reads, sound_files()))
    assert not benchmark.pillow_reads(CUT)


def test_memory_that_was_given_back_still_counts_as_the_peak() -> None:
    program = "b = bytearray(200 << 20)\nb[::4096] = bytes(len(b[::4096]))\ndel b\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        served = server.Served(process, "")
        assert served.peak() > 200 << 20 > served.resident() > 0
        process.stdin.write("\n")
    assert served.peak() == 0
    assert not served.is_ready()


def test_it_does_not_begin_where_its_bound_does_not_fit() -> None:
    with pytest.raises(SystemExit, match="Give --pixels less than"):
        benchmark.main(["--pixels", str(10**12)])
