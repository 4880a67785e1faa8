"""Answers over HTTP. An error holds no rating and no word that could be read as Safe."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from eyeward.serve.policies import PolicyRejected
from eyeward.serve.refusals import NoKey, Refused
from eyeward.serve.schema import ErrorAnswer, Problem
from eyeward.verdict import Note, Verdict

JSON = "application/json"


def record_response(record: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a record as JSON."""
    return Response(record.model_dump_json(), status, headers, media_type=JSON)


def error_response(reason: Refused, request_id: str) -> Response:
    """Return why there is no verdict."""
    findings = tuple(map(str, reason.findings)) if isinstance(reason, PolicyRejected) else None
    problem = Problem(message=str(reason), type=reason.kind, code=reason.kind, findings=findings)
    headers = {} if reason.retry_after is None else {"Retry-After": str(reason.retry_after)}
    if isinstance(reason, NoKey):
        headers["WWW-Authenticate"] = "Bearer"
    return record_response(ErrorAnswer(error=problem, request_id=request_id), reason.status, headers)


def request_id(request: Request) -> str:
    """Return what the gate called a request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def note(request: Request, **fields: object) -> None:
    """Have more about a request stand in its line of the log."""
    request.scope.setdefault("state", {}).setdefault("log", {}).update(fields)


def note_verdicts(request: Request, verdicts: Sequence[Verdict]) -> None:
    """Have the ratings of a request stand in its line, and how many of its images are on a list of known ones."""
    note(request, ratings=[verdict.rating or "error" for verdict in verdicts])
    matches = len({verdict.sha256 for verdict in verdicts if Note.hash_match.value in verdict.notes})
    if matches:
        note(request, hash_matches=matches)


async def disconnected(request: Request) -> None:
    """Return when the client is gone; to be used after the body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
