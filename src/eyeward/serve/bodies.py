"""From the body of a request to what it asks; nothing of it is ever written to a disk."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from eyeward.serve.refusals import BadRequest, Unjudgeable, WrongMedia
from eyeward.serve.schema import LEAST_SECONDS, AssessBody
from eyeward.serve.threads import beside
from eyeward.serve.uploads import Upload, from_address, from_base64, shown_name

Record = TypeVar("Record", bound=BaseModel)
Result = TypeVar("Result")
_TRUE, _FALSE = frozenset(("true", "1", "yes", "on")), frozenset(("false", "0", "no", "off", ""))
_FIELDS = ("image", "policy", "explain", "deadline_seconds")


class _InMemory(MultiPartParser):
    """Keeps uploads in memory, whatever their size: the length of the body is bounded before."""

    spool_max_size = 1 << 62


async def read_record(request: Request, record: type[Record]) -> Record:
    """Read a body of JSON.

    Raises:
        WrongMedia: when it is of another kind.
        BadRequest: when it is no JSON.
        Unjudgeable: when it does not fit the record.
    """
    kind = media_type(request)
    if kind not in ("application/json", ""):
        raise WrongMedia(f"This route reads application/json, not {kind[:80]!r}.")
    body = await request.body()
    try:
        return await beside(len(body), lambda: record.model_validate_json(body))
    except ValidationError as problem:
        faults = problem.errors(include_url=False, include_context=False, include_input=False)
        if any(fault["type"] == "json_invalid" for fault in faults):
            raise BadRequest("The body is no JSON.") from None
        said = [f"{'.'.join(map(str, fault['loc'])) or 'the body'}: {_sentence(fault['msg'])}" for fault in faults[:8]]
        raise Unjudgeable(f"The body does not fit: {'; '.join(said)}.") from None


@dataclass(frozen=True, slots=True)
class AssessForm:
    """What is asked, whether it came as JSON or as a form."""

    images: tuple[Upload, ...]
    policies: tuple[str, ...]
    explain: bool = False
    deadline_seconds: float | None = None


async def read_assess(request: Request, images: int, room: Callable[[], Awaitable[None]]) -> AssessForm:
    """Read a form with files, or JSON; `images` bounds the number of files.

    `room` refuses when there is no room any more, or waits for the turn: it is asked when the body is here, before that
    is taken apart.

    Raises:
        Refused: when it is neither, or makes no sense, or there is no room.
    """
    if media_type(request) == "multipart/form-data":
        pieces = deque([piece async for piece in request.stream()])
        await room()
        headers, size = request.headers, sum(map(len, pieces))
        return await beside(size, lambda: _at_once(_form(headers, pieces, images)))
    await request.body()
    await room()
    body = await read_record(request, AssessBody)
    return await beside(len(await request.body()), lambda: _asked(body))


def media_type(request: Request) -> str:
    """Return what kind of body was announced, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _asked(body: AssessBody) -> AssessForm:
    return AssessForm(
        images=_uploads(body),
        policies=tuple(p if isinstance(p, str) else json.dumps(p, ensure_ascii=False) for p in body.policies),
        explain=body.explain,
        deadline_seconds=body.deadline_seconds,
    )


def _uploads(body: AssessBody) -> tuple[Upload, ...]:
    found = []
    for number, image in enumerate(body.images):
        name = shown_name(image.name)
        if image.base64 is not None:
            found.append(from_base64(image.base64, f"images[{number}].base64", name))
        else:
            found.append(from_address(image.url or "", f"images[{number}].url", name))
    return tuple(found)


async def _form(headers: Headers, pieces: deque[bytes], images: int) -> AssessForm:
    parser = _InMemory(headers, _each(pieces), max_files=images, max_fields=images + 16)
    try:
        form = await parser.parse()
    except MultiPartException as problem:
        raise BadRequest(f"The form cannot be read: {problem.message}") from None
    except (ValueError, KeyError) as problem:  # the parser below it has errors of its own
        raise BadRequest("The form cannot be read; is it whole?") from problem
    try:
        uploads, policies = [], []
        explain, deadline = False, None
        for field, value in form.multi_items():
            if field not in _FIELDS:
                raise BadRequest(f"The form has a field {field[:80]!r}; it may have {', '.join(_FIELDS)}.")
            if isinstance(value, UploadFile) is not (field == "image"):
                raise BadRequest(f"In the form, image is a file, and {', '.join(_FIELDS[1:])} are text.")
            if isinstance(value, UploadFile):
                uploads.append(Upload(shown_name(value.filename), data=await value.read()))
            elif field == "policy":
                policies.append(value)
            elif field == "explain":
                explain = _yes_or_no(value)
            else:
                deadline = _seconds(value)
        return AssessForm(images=tuple(uploads), policies=tuple(policies), explain=explain, deadline_seconds=deadline)
    finally:
        await form.close()


async def _each(pieces: deque[bytes]) -> AsyncGenerator[bytes]:
    while pieces:  # each goes when it was read
        yield pieces.popleft()


def _at_once(work: Coroutine[None, None, Result]) -> Result:
    """Return what a coroutine returns that waits for nothing, as the reader of forms does whose files are in memory."""
    try:
        work.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        work.close()
    raise AssertionError("it waits for something")


def _yes_or_no(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise BadRequest(f"explain is true or false, not {text[:40]!r}.")
    return word in _TRUE


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not LEAST_SECONDS <= seconds < float("inf"):
        raise BadRequest(f"deadline_seconds is a number from {LEAST_SECONDS:g} on, not {text[:40]!r}.")
    return seconds


def _sentence(message: str) -> str:
    said = message.removeprefix("Value error, ")
    return said[:1].lower() + said[1:]
