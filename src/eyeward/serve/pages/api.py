"""The page of the API, made from its own schema: no script, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from jinja2.environment import TemplateModule
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from eyeward.serve.pages.frame import API, Frame, Part, static_route

SCHEMA = "/openapi.json"
_REF = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record."""

    name: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record that goes in or out."""

    name: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A route."""

    method: str
    path: str
    tag: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    bodies: tuple[Record, ...]
    """What it reads, by kind of body."""
    answers: tuple[tuple[str, str], ...]


def api(frame: Frame) -> Part:
    """Return the page of the API; whoever reaches the service may read it."""

    @cache  # all that does not depend on who looks
    def content(app: FastAPI) -> TemplateModule:
        schema = app.openapi()
        return frame.piece("api_content.html", operations=list(operations(schema)), records=list(records(schema)))

    @cache
    def as_json(app: FastAPI) -> bytes:
        return json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()

    async def show(request: Request) -> Response:
        app: FastAPI = request.app
        return frame.page(
            request,
            "api.html",
            title=app.title,
            version=app.version,
            description=app.description,
            content=content(app),
        )

    async def schema(request: Request) -> Response:
        request.scope["route"] = as_schema
        app: FastAPI = request.app
        root = str(request.scope.get("root_path", "")).rstrip("/")
        if root:  # behind a proxy that put the service elsewhere
            return JSONResponse({**app.openapi(), "servers": [{"url": root}]})
        return Response(as_json(app), media_type="application/json")

    as_schema = Route(SCHEMA, schema)
    return Part(routes=(frame.route(API, show), as_schema, static_route()))


def operations(schema: Mapping[str, Any]) -> Iterator[Operation]:
    """Yield all routes of an OpenAPI schema, in its order."""
    for path, methods in schema.get("paths", {}).items():
        for method, found in methods.items():
            yield Operation(
                method=method.upper(),
                path=path,
                tag=(found.get("tags") or [""])[0],
                summary=found.get("summary", ""),
                description=found.get("description", ""),
                parameters=tuple(
                    Field(given["name"], kind_of(given.get("schema", {})), given.get("required", False), given["in"])
                    for given in found.get("parameters", ())
                ),
                bodies=tuple(
                    Record(kind, kind_of(content.get("schema", {})), tuple(fields(content.get("schema", {}))))
                    for kind, content in found.get("requestBody", {}).get("content", {}).items()
                ),
                answers=tuple(_answers(found.get("responses", {}))),
            )


def records(schema: Mapping[str, Any]) -> Iterator[Record]:
    """Yield all records of an OpenAPI schema, by name."""
    for name, found in sorted(schema.get("components", {}).get("schemas", {}).items()):
        yield Record(name, found.get("description", ""), tuple(fields(found)))


def fields(record: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the keys of a record."""
    required = record.get("required", ())
    for name, found in record.get("properties", {}).items():
        yield Field(name, kind_of(found), name in required, found.get("description", ""))


def kind_of(schema: Mapping[str, Any]) -> str:
    """Name a type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return " | ".join(map(repr, schema["enum"]))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(map(kind_of, schema[key])))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind_of(schema['additionalProperties'])}"
    if schema.get("format") == "binary":
        return "file"
    return str(schema.get("type", "anything"))


def _answers(responses: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for status, found in responses.items():
        kinds = {kind_of(content.get("schema", {})) for content in found.get("content", {}).values()}
        said = " | ".join(sorted(kinds - {"anything"}))
        yield str(status), f"{found.get('description', '')} {said}".strip()
