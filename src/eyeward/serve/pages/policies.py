"""Policies: the list, one of them with its versions, what changed between two, and the editor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from eyeward.errors import PolicyError
from eyeward.policy import Policy
from eyeward.policy.diff import Change
from eyeward.policy.lint import Finding
from eyeward.serve.answers import note, record_response
from eyeward.serve.bodies import read_record
from eyeward.serve.cases import CaseBook
from eyeward.serve.keys import Principal, Role
from eyeward.serve.pages.frame import Frame, Part, Tab, answer, form
from eyeward.serve.pages.policy_cases import PolicyCases
from eyeward.serve.pages.shelf import Covered, ShownFinding, found, usable
from eyeward.serve.policies import PolicyRejected, SavedMeanwhile
from eyeward.serve.refusals import NotAllowed, Refused, TooLarge, Unjudgeable
from eyeward.serve.routes.policies import version_of
from eyeward.serve.service import Service

READERS = (Role.caller, Role.policy_owner, Role.reviewer)
WRITERS = (Role.policy_owner,)
LIST, NEW, NAMED = "/policies", "/policies/new", "/policies/named"
TAB = Tab(LIST, "Policies", READERS)
_START = """\
name: my-policy
categories:
  - id: O1
    name: The name of a category
    should_not:
      - Show what is not wanted.
    can:
      - Show what is allowed all the same.
    stance: enforced
"""


class Draft(BaseModel):
    """The text of an editor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str


class Lint(BaseModel):
    """What is to be said of a draft."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usable: bool
    name: str | None
    findings: tuple[ShownFinding, ...]
    covered: Covered | None
    """What the guard can judge of it; None where the text is no policy yet."""


@dataclass(frozen=True, slots=True)
class Row:
    """A policy in the list."""

    policy: Policy
    versions: tuple[int, ...]
    not_covered: tuple[str, ...]
    kept: bool
    """Whether it can be changed here."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What stands in the editor."""

    text: str
    name: str = ""
    """The policy that is edited; empty: a new one."""
    based_on: int = 0
    """Its latest version when the editor was opened."""


def policies(frame: Frame) -> Part:
    """Return the pages of policies."""
    pages = _Policies(frame)
    route = frame.route
    return Part(
        routes=(
            route(LIST, pages.overview, READERS),
            route(NEW, pages.new, WRITERS),
            route("/policies/save", pages.save, WRITERS, ("POST",)),
            route("/policies/lint", pages.lint, WRITERS, ("POST",)),
            route("/policies/yaml", pages.as_yaml, WRITERS, ("POST",)),
            route(f"{NAMED}/{{name}}", pages.show, READERS),
            route(f"{NAMED}/{{name}}/edit", pages.edit, WRITERS),
            *pages.cases.routes(),
        ),
        tab=TAB,
        close=pages.cases.close,
    )


class _Policies:
    """The endpoints."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._service = frame.service
        self.cases = PolicyCases(frame, CaseBook(frame.service.book.folder), WRITERS)

    async def overview(self, request: Request) -> Response:
        """Show all policies that the visitor may use."""
        principal = self._principal(request)
        book = self._service.book
        rows = [
            Row(
                policy,
                book.versions(policy.name),
                await not_covered(self._service, policy),
                book.may_write(policy.name),
            )
            for policy in await usable(self._service, principal)
        ]
        return self._frame.page(
            request,
            "policies.html",
            rows=rows,
            default=book.default.name,
            may_write=self._may_write(request),
            keeps=book.folder is not None,
        )

    async def show(self, request: Request) -> Response:
        """Show a policy in one of its versions, beside another where one is named."""
        principal = self._principal(request)
        name = request.path_params["name"]
        policy = await self._version(principal, name, request.query_params.get("version"))
        versions = self._service.book.versions(policy.name)
        against = request.query_params.get("against") or None
        changes = None
        if against is not None:
            other = await self._version(principal, name, against)
            changes = await asyncio.to_thread(lambda: by_category(other.diff(policy).changes))
        cases, results = await self.cases.state(policy)
        return self._frame.page(
            request,
            "policy.html",
            policy=policy,
            versions=tuple(reversed(versions)),
            latest=policy.version == versions[-1],
            against=against,
            changes=changes,
            covered=await covered(self._service, policy),
            yaml=await asyncio.to_thread(policy.to_yaml),
            cases=cases,
            results=results,
            may_write=self._may_write(request),
            writable=self._service.book.may_write(name),
            saved=request.query_params.get("saved", ""),
            unrun=request.query_params.get("cases") == "unrun",
        )

    async def new(self, request: Request) -> Response:
        """Open the editor for a policy that is not there yet, as a copy of another where one is named."""
        principal = self._principal(request)
        source = request.query_params.get("from")
        text = _START
        if source:
            policy = await found(self._service, principal, source)
            text = await asyncio.to_thread(policy.renamed(f"{policy.name}-copy", 1).to_yaml)
        return await self._editor(request, Edit(text))

    async def edit(self, request: Request) -> Response:
        """Open the editor for the latest version of a policy."""
        policy = await found(self._service, self._principal(request), request.path_params["name"])
        if not self._service.book.may_write(policy.name):
            raise NotAllowed(f"The policy {policy.name!r} came with this service and stays as it is; copy it.")
        text = await asyncio.to_thread(policy.to_yaml)
        return await self._editor(request, Edit(text, policy.name, policy.version))

    async def save(self, request: Request) -> Response:
        """Keep a text as the next version of its policy, and try its test cases."""
        sent = await form(request)
        based_on = version_of(sent.get("based_on", "0")) or 0
        edit = Edit(sent.get("text", "").replace("\r\n", "\n"), sent.get("name", ""), based_on)
        try:
            policy = await self._readable(edit.text)
            name = self._name_of(edit, policy)
            self._principal(request).require_write(name)
            began_with = edit.based_on if edit.name else 0
            kept = await asyncio.to_thread(self._service.book.put, name, edit.text, began_with)
        except SavedMeanwhile as quicker:
            if not edit.name:
                return await self._editor(request, edit, _taken(name), quicker.status)
            problem = (
                f"Somebody saved version {quicker.latest} while you were writing; you began with version "
                f"{edit.based_on}. Look at what it says, then save once more to keep your text as the version behind "
                "it."
            )
            return await self._editor(request, Edit(edit.text, edit.name, quicker.latest), problem, quicker.status)
        except PolicyRejected as rejected:
            return await self._editor(request, edit, str(rejected), rejected.status)
        except Refused as reason:
            if reason.status not in (403, 413, 422):
                raise
            return await self._editor(request, edit, str(reason), reason.status)
        note(request, policy=kept.policy.name, version=kept.policy.version)
        ran = await self.cases.run_quietly(request, kept.policy)
        query = f"saved={'created' if kept.created else 'same'}{'' if ran else '&cases=unrun'}"
        return RedirectResponse(f"{NAMED}/{kept.policy.name}?{query}", 303)

    async def lint(self, request: Request) -> Response:
        """Say what is wrong or doubtful in a draft."""
        draft = await read_record(request, Draft)
        try:
            policy, findings = await self._read(draft.text)
        except PolicyRejected as rejected:
            shown = tuple(map(ShownFinding.of, rejected.findings))
            return record_response(Lint(usable=False, name=None, findings=shown, covered=None))
        shown = tuple(map(ShownFinding.of, findings))
        try:
            coverage = Covered.of(await self._service.coverage(policy))
        except Unjudgeable as reason:
            unasked = ShownFinding(level="error", code="guard", message=str(reason), line=None, category=None)
            return record_response(Lint(usable=False, name=policy.name, findings=(*shown, unasked), covered=None))
        return record_response(Lint(usable=True, name=policy.name, findings=shown, covered=coverage))

    async def as_yaml(self, request: Request) -> Response:
        """Write a policy that came as JSON as people do."""
        draft = await read_record(request, Draft)
        policy, _ = await self._read(draft.text)
        return answer({"yaml": await asyncio.to_thread(policy.to_yaml)})

    async def _editor(self, request: Request, edit: Edit, problem: str = "", status: int = 200) -> Response:
        cases = await self.cases.of(edit.name) if edit.name else ()
        return self._frame.page(request, "policy_edit.html", status, edit=edit, problem=problem, cases=len(cases))

    async def _read(self, text: str) -> tuple[Policy, tuple[Finding, ...]]:
        if len(text.encode("utf-8", "replace")) > self._service.settings.inline_bytes:
            raise TooLarge(f"A policy is larger than {self._service.settings.inline_bytes:,} bytes, the limit.")
        return await self._service.read(text)

    async def _readable(self, text: str) -> Policy:
        """Return the policy of a text that the guard can be asked about."""
        policy, _ = await self._read(text)
        await self._service.coverage(policy)
        return policy

    def _name_of(self, edit: Edit, policy: Policy) -> str:
        """Return under which name a text is kept."""
        if edit.name:
            return edit.name  # the book refuses a text that calls itself otherwise
        if self._service.book.versions(policy.name):
            raise Unjudgeable(_taken(policy.name))
        return policy.name

    async def _version(self, principal: Principal, name: str, version: str | None) -> Policy:
        return await found(self._service, principal, name if not version else f"{name}@{version}")

    def _principal(self, request: Request) -> Principal:
        return self._frame.visit(request).require(*READERS)

    def _may_write(self, request: Request) -> bool:
        return self._frame.visit(request).may(*WRITERS)


async def covered(service: Service, policy: Policy) -> Covered:
    """Say what of a policy the guard can judge; nothing where it cannot be asked."""
    try:
        return Covered.of(await service.coverage(policy))
    except (Unjudgeable, PolicyError):
        return Covered(not_covered=policy.ids, partly=(), unknown_words={})


async def not_covered(service: Service, policy: Policy) -> tuple[str, ...]:
    """Return the ids of the categories that the guard cannot judge in full."""
    return (await covered(service, policy)).not_covered


def _taken(name: str) -> str:
    return f"There is a policy {name!r} already; choose another name, or edit that one."


def by_category(changes: tuple[Change, ...]) -> dict[str, list[str]]:
    """Put sentences about changes under the ids of their categories; those about the whole policy under nothing."""
    grouped: dict[str, list[str]] = {}
    for change in changes:
        grouped.setdefault(change.category or "", []).append(str(change))
    return grouped
