"""Exceptions say what was wrong, where, and what to do."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from eyeward import errors
from eyeward.errors import (
    CheckpointError,
    ErrorType,
    EyewardError,
    ImageError,
    MissingExtra,
    PolicyError,
    SelfCheckFailed,
)


def test_every_exception_belongs_to_the_one_tree() -> None:
    exceptions = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, Exception)]
    assert len(exceptions) >= 7
    assert all(issubclass(exception, EyewardError) for exception in exceptions)


def test_a_failed_self_check_is_a_checkpoint_error() -> None:
    assert issubclass(SelfCheckFailed, CheckpointError)


def test_the_error_types_are_those_of_the_design() -> None:
    assert [str(kind) for kind in ErrorType] == [
        "not_found",
        "unreadable",
        "unsupported_format",
        "truncated",
        "too_large",
        "too_many_pixels",
        "fetch_refused",
        "fetch_failed",
        "unparsable_answer",
        "engine_unavailable",
        "deadline",
        "internal",
    ]


@pytest.mark.parametrize(
    ("file", "line", "sentence"),
    [
        (Path("mine.yaml"), 12, "mine.yaml:12: The category O6 is there twice."),
        ("mine.yaml", None, "mine.yaml: The category O6 is there twice."),
        (None, None, "The category O6 is there twice."),
    ],
)
def test_a_policy_error_starts_with_its_place(file: Path | str | None, line: int | None, sentence: str) -> None:
    error = PolicyError("The category O6 is there twice.", file, line)
    assert str(error) == sentence
    assert error.message == "The category O6 is there twice."
    assert error.line == line


def test_a_missing_extra_says_what_to_install() -> None:
    error = MissingExtra("ray", "Annotating on a cluster")
    assert str(error) == "Annotating on a cluster needs packages that are not installed: pip install 'eyeward[ray]'"
    assert error.extra == "ray"


def test_an_image_error_carries_its_type() -> None:
    error = ImageError(ErrorType.truncated, "a.jpg is cut short.")
    assert (error.type, error.message, str(error)) == (
        ErrorType.truncated,
        "a.jpg is cut short.",
        "a.jpg is cut short.",
    )
