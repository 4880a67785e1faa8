"""Counts of a service: whole windows by policy, nothing of an image, and read by the monitor as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.errors import UsageError
from eyeward.evaluate.monitor.reading import read_windows
from eyeward.images.hashes import sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.policy import Policy
from eyeward.serve.counters import Counters
from eyeward.serve.policies import PolicyBook
from eyeward.verdict import ModelRef
from tests.serve.world import BRIGHT, DARK, DEFAULT, GREY, Engine, assess, coded, png, service, serving

MODEL = ModelRef(name="fake", revision="1", engine="fake")
SUNDAY = 1_795_305_600.0
"""2026-11-22, midnight UTC."""


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = SUNDAY + 3600

    def __call__(self) -> float:
        return self.now


def test_a_service_counts_into_windows_that_the_monitor_reads(tmp_path: Path) -> None:
    file, clock, engine = tmp_path / "counts" / "log.jsonl", Clock(), Engine()
    of = service(engine, counters=Counters(file, MODEL, PolicyBook(), 24, clock))
    with serving(of) as client:
        assess(client, BRIGHT, DARK, GREY)
        client.post("/v1/assess", json={"images": [{"base64": "YQ=="}]})
        assess(client, DARK, policies=["news"])
        clock.now += 86_400
        assess(client, BRIGHT)
    first, second = read_windows(file, DEFAULT.hash)
    assert (first.name, second.name) == ("2026-11-22T00:00Z", "2026-11-23T00:00Z")
    assert first.ratings == {"Safe": 1, "Unsafe": 1, "Review": 1, "error": 1}
    assert (first.model, second.ratings) == (MODEL, {"Unsafe": 1})
    assert sum(first.scores) == 3 and first.categories["none"] == 1
    (news,) = read_windows(file, "news")
    assert news.ratings == {"Safe": 1}
    assert "png" not in file.read_text() and not first.labels and not first.canaries


def test_a_policy_that_is_sent_along_and_an_image_that_is_known_are_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    known = tmp_path / "known.txt"
    known.write_text(f"{sha256_of_bytes(png(GREY))}\n")
    of = service(counters=Counters(file, MODEL, PolicyBook()), known=KnownHashes.read([known]))
    sent = Policy.load("news").with_stance("sensitive", "O6").to_yaml()
    with serving(of) as client:
        assert assess(client, DARK, policies=[sent]).status_code == 200
        assert client.post("/v1/assess", json={"images": [{"base64": coded(png(GREY))}]}).status_code == 200
    assert file.read_text() == ""


def test_counts_that_cannot_be_written_wait_and_a_bad_place_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Counts cannot be written to"):
        Counters(tmp_path / "file" / "log.jsonl", MODEL, PolicyBook())
    place = tmp_path / "log.jsonl"
    of = service(counters=Counters(place, MODEL, PolicyBook(), 24, clock := Clock()))
    with serving(of) as client:
        assess(client, DARK)
        place.unlink()
        place.mkdir()  # nothing can be written there now
        clock.now += 86_400
        assert assess(client, BRIGHT).status_code == 200
        place.rmdir()
    assert [window.ratings for window in read_windows(place)] == [{"Safe": 1}, {"Unsafe": 1}]
