"""The detector behind `nudenet`, with findings written by hand; the real one is in tests/guard/test_other_guards.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyeward.engine.nudenet import NudeNetEngine
from eyeward.engine.protocol import ImageSegment, Prompt
from eyeward.engine.scored_labels import form_of, scores_in
from eyeward.errors import ErrorType, MissingExtra

FORM = form_of(("FACE_MALE", "BUTTOCKS_EXPOSED"))


class FakeDetector:
    def __init__(self, *findings: Mapping[str, object]) -> None:
        self.findings = findings
        self.seen: list[NDArray[np.uint8]] = []

    def detect(self, image: NDArray[np.uint8]) -> Sequence[Mapping[str, object]]:
        self.seen.append(image)
        return self.findings


def prompt(image: Image.Image) -> Prompt:
    return Prompt((ImageSegment(0),), (image,), FORM)


def test_the_surest_finding_of_a_label_counts_and_no_finding_is_zero() -> None:
    detector = FakeDetector(
        {"class": "FACE_MALE", "score": 0.4, "box": [0, 0, 1, 1]},
        {"class": "FACE_MALE", "score": 0.7, "box": [1, 1, 1, 1]},
    )
    (answer,) = NudeNetEngine(detector).judge([prompt(Image.new("RGB", (4, 4)))])
    assert scores_in(FORM, answer) == pytest.approx({"FACE_MALE": 0.7, "BUTTOCKS_EXPOSED": 0.0})


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pixels_go_in_blue_first_as_the_package_reads_files(mode: str) -> None:
    detector = FakeDetector()
    list(NudeNetEngine(detector).judge([prompt(Image.new("RGB", (5, 3), (250, 20, 10)).convert(mode))]))
    (seen,) = detector.seen
    assert (seen.shape, seen[0, 0].tolist()) == ((3, 5, 3), [10, 20, 250])


@pytest.mark.parametrize(
    "finding",
    [
        {"class": "TAIL", "score": 0.9},
        {"score": 0.9},
        {"class": "FACE_MALE", "score": 7},
        {"class": "FACE_MALE", "score": float("nan")},
        {"class": "FACE_MALE", "score": -1},
    ],
)
def test_a_finding_that_makes_no_sense_is_an_error_and_the_next_image_is_judged(finding: dict[str, object]) -> None:
    detector = FakeDetector(finding)
    engine = NudeNetEngine(detector)
    answers = engine.judge([prompt(Image.new("RGB", (4, 4)))] * 2)
    first = next(answers)
    assert first.error is not None
    assert (first.error.type, first.scores) == (ErrorType.internal, ())
    detector.findings = ()
    assert next(answers).error is None


def test_without_the_package_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("eyeward.engine.nudenet.version", missing)
    with pytest.raises(MissingExtra, match=r"eyeward\[nudenet\]"):
        NudeNetEngine()
