"""The one tree of exceptions. Every message is a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from eyeward.verdict import Verdict


class ErrorType(StrEnum):
    """Why an image has no rating; the closed list that stands in `error.type` of a verdict."""

    not_found = "not_found"
    unreadable = "unreadable"
    unsupported_format = "unsupported_format"
    truncated = "truncated"
    too_large = "too_large"
    too_many_pixels = "too_many_pixels"
    fetch_refused = "fetch_refused"
    fetch_failed = "fetch_failed"
    unparsable_answer = "unparsable_answer"
    engine_unavailable = "engine_unavailable"
    deadline = "deadline"
    internal = "internal"


PASSING = frozenset((ErrorType.engine_unavailable, ErrorType.deadline, ErrorType.fetch_failed, ErrorType.internal))
"""Failures that say nothing about the image and may have passed when it is asked again."""


def described(error: ValidationError) -> str:
    """Say in one line what is wrong with data that does not fit a record, key by key."""
    return "; ".join(_fault(fault) for fault in error.errors(include_url=False, include_context=False))


def _fault(fault: ErrorDetails) -> str:
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "missing":
        return f"the key {key!r} is missing"
    if fault["type"] == "extra_forbidden":
        return f"the key {key!r} is unknown; take it away"
    said = fault["msg"].removeprefix("Value error, ")
    said = said[0].lower() + said[1:]
    if not key:
        return said
    shown = repr(fault["input"])
    return f"{key!r} is {shown if len(shown) <= 60 else shown[:59] + '…'}: {said}"


class EyewardError(Exception):
    """Anything that Eyeward raises on purpose."""


class UsageError(EyewardError):
    """A call or a command line that asks for something impossible."""


class PolicyError(EyewardError):
    """A policy that cannot be read or makes no sense; `str()` starts with `file:line:` where they are known."""

    def __init__(self, message: str, file: str | PathLike[str] | None = None, line: int | None = None) -> None:
        self.message = message
        self.file = None if file is None else str(file)
        self.line = line
        place = ":".join(str(part) for part in (self.file, line) if part is not None)
        super().__init__(f"{place}: {message}" if place else message)


class DataError(EyewardError):
    """Labelled data that cannot be used; `str()` starts with `file:line:` where they are known."""

    def __init__(self, message: str, file: str | PathLike[str] | None = None, line: int | None = None) -> None:
        self.message = message
        place = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(f"{place}: {message}" if place else message)


class PublishError(EyewardError):
    """Something that may not leave this machine, or that the Hub did not take."""


class MissingExtra(EyewardError):
    """A part of Eyeward whose packages are not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        super().__init__(f"{purpose} needs packages that are not installed: pip install 'eyeward[{extra}]'")


class CheckpointError(EyewardError):
    """Weights, a configuration or a tokenizer that cannot be used as a guard."""


class SelfCheckFailed(CheckpointError):
    """A guard that does not pass its self check: what it says could not be relied on."""


class Withheld(EyewardError):
    """Images that may not be shown; `verdicts` has one for each image that was made."""

    def __init__(self, message: str, verdicts: Sequence[Verdict]) -> None:
        self.verdicts = tuple(verdicts)
        super().__init__(message)


class PromptRefused(EyewardError):
    """A prompt that nothing is generated for."""


class ImageError(EyewardError):
    """An image that cannot be judged. `images.decode` returns these as `Failure` values and never lets one out."""

    def __init__(self, type: ErrorType, message: str) -> None:
        self.type = type
        self.message = message
        super().__init__(message)
