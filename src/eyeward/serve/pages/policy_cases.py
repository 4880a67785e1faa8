"""The test cases on the page of a policy: added, taken away, run; their images are shown blurred beyond repair."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeward.engine.recent import Recent
from eyeward.images import decode
from eyeward.images.known import Digests
from eyeward.policy import Policy
from eyeward.serve.answers import disconnected, note, record_response
from eyeward.serve.bodies import read_record
from eyeward.serve.cases import LONGEST_NAME, Case, CaseBook, CaseOutcome, CaseResults, new_case, results_of
from eyeward.serve.keys import Role
from eyeward.serve.logs import log
from eyeward.serve.pages.frame import Frame, form
from eyeward.serve.pages.shelf import found
from eyeward.serve.refusals import Refused, TooLarge, Unjudgeable
from eyeward.serve.service import Asked
from eyeward.serve.threads import Threads, beside
from eyeward.serve.uploads import Upload, from_address, shown_name
from eyeward.verdict import Failure, Note, Rating, Verdict

NAMED = "/policies/named"
PICTURES = 1024
"""Pictures of cases that are remembered: some kilobytes each."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewCase(_Closed):
    """A case as the page sends it."""

    image: str
    """A `data:` address."""
    name: str = ""
    rating: Rating
    category: str | None = Field(default=None, max_length=32)


class Added(_Closed):
    """A case that is kept now, and what the guard says of it."""

    sha256: str
    outcome: CaseOutcome


class Trial(_Closed):
    """A draft that is tried on the cases of a policy."""

    name: str
    text: str


class TrialLine(_Closed):
    """What came of one case under a draft."""

    name: str
    wanted: str
    said: str
    passed: bool


class TrialAnswer(_Closed):
    """What came of all of them."""

    passed: int
    lines: tuple[TrialLine, ...]


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case, its picture, and what was said of it under the version that is shown."""

    case: Case
    picture: str | None
    """A blurred picture as an address that holds it."""
    outcome: CaseOutcome | None


@dataclass(frozen=True, slots=True)
class _Picture:
    """What was made of the image of a case."""

    digests: Digests
    address: str | None
    """A blurred picture as an address that holds it; None where there is none to show."""


class PolicyCases:
    """The endpoints, and the runs."""

    def __init__(self, frame: Frame, book: CaseBook, roles: Sequence[Role]) -> None:
        """Take where cases are kept, and the roles of those who touch them."""
        self._frame = frame
        self._service = frame.service
        self._book = book
        self._roles = tuple(roles)
        self._decoding = Threads("eyeward-cases", 1, 16)
        self._pictures: Recent[str, _Picture] = Recent(PICTURES)
        """By the hash of an image; changed by the one thread that decodes."""

    def close(self) -> None:
        """Decode nothing any more."""
        self._decoding.close(wait=False)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes."""
        route, roles = self._frame.route, self._roles
        return (
            route(f"{NAMED}/{{name}}/cases", self.add, roles, ("POST",)),
            route(f"{NAMED}/{{name}}/cases/remove", self.remove, roles, ("POST",)),
            route(f"{NAMED}/{{name}}/cases/run", self.run, roles, ("POST",)),
            route("/policies/try", self.attempt, roles, ("POST",)),
        )

    async def of(self, name: str) -> tuple[Case, ...]:
        """Return the cases of a policy."""
        return await asyncio.to_thread(self._book.cases, name)

    async def state(self, policy: Policy) -> tuple[list[ShownCase], CaseResults | None]:
        """Return the cases for people, and what was said of them under this version."""
        cases = await self.of(policy.name)
        results = await asyncio.to_thread(self._book.results, policy)
        pictures = await self._shown(policy.name, cases)
        shown = [
            ShownCase(case, picture, None if results is None else results.of(case))
            for case, picture in zip(cases, pictures, strict=True)
        ]
        return shown, results

    async def add(self, request: Request) -> Response:
        """Judge an image under the latest version, then keep it with what is expected."""
        policy = await self._policy(request, request.path_params["name"])
        sent = await read_record(request, NewCase)
        upload = await beside(len(sent.image), lambda: from_address(sent.image, "image", shown_name(sent.name)))
        image = upload.data
        if image is None:
            raise Unjudgeable("The image of a test case is sent as a data: address.")
        (verdict,) = await self._judged(request, policy, [upload])
        if Note.hash_match.value in verdict.notes:
            raise Unjudgeable("This image is on a list of known images; it is not kept.")
        if verdict.error is not None:
            raise Unjudgeable(f"The image cannot be judged, so it is no test case: {verdict.error.message}")
        name, who = (upload.name or "unnamed")[:LONGEST_NAME], self._who(request)
        case = await beside(len(image), lambda: new_case(image, name, sent.rating, sent.category or None, who))
        await asyncio.to_thread(self._book.add, policy, case, image)
        note(request, policy=policy.name, version=policy.version)
        outcome = case.outcome(verdict)
        former = await asyncio.to_thread(self._book.results, policy)
        if former is not None and former.model == self._service.guard.model:
            await asyncio.to_thread(self._book.keep, former.with_outcome(outcome))
        else:
            await self.run_quietly(request, policy)
        return record_response(Added(sha256=case.sha256, outcome=outcome), 201)

    async def remove(self, request: Request) -> Response:
        """Forget a case."""
        policy = await self._policy(request, request.path_params["name"])
        sent = await form(request)
        await asyncio.to_thread(self._book.remove, policy.name, sent.get("sha256", ""))
        note(request, policy=policy.name)
        return RedirectResponse(f"{NAMED}/{policy.name}#cases", 303)

    async def run(self, request: Request) -> Response:
        """Judge all cases under a version, and keep what was said."""
        sent = await form(request)
        name = request.path_params["name"]
        policy = await self._policy(request, f"{name}@{sent['version']}" if sent.get("version") else name)
        await self._run(request, policy)
        return RedirectResponse(f"{NAMED}/{policy.name}?version={policy.version}#cases", 303)

    async def attempt(self, request: Request) -> Response:
        """Judge the cases of a policy under a draft; nothing is kept."""
        sent = await read_record(request, Trial)
        if len(sent.text.encode("utf-8", "replace")) > self._service.settings.inline_bytes:
            raise TooLarge(f"A policy is larger than {self._service.settings.inline_bytes:,} bytes, the limit.")
        kept = await self._policy(request, sent.name)
        draft, _ = await self._service.read(sent.text)
        await self._service.coverage(draft)
        cases = await self.of(kept.name)
        outcomes = await self._outcomes(request, draft, kept.name, cases)
        lines = tuple(
            TrialLine(name=case.name, wanted=case.wanted, said=outcome.said, passed=outcome.passed)
            for case, outcome in zip(cases, outcomes.outcomes, strict=True)
        )
        return record_response(TrialAnswer(passed=outcomes.passed, lines=lines))

    async def run_quietly(self, request: Request, policy: Policy) -> bool:
        """Run the cases; when that is not possible now, say so and leave the rest as it is."""
        try:
            await self._run(request, policy)
        except Refused as reason:
            log("cases_not_run", policy=policy.name, version=policy.version, problem=reason.kind)
            return False
        return True

    async def _run(self, request: Request, policy: Policy) -> None:
        cases = await self.of(policy.name)
        if cases:
            results = await self._outcomes(request, policy, policy.name, cases)
            await asyncio.to_thread(self._book.keep, results)

    async def _outcomes(self, request: Request, policy: Policy, name: str, cases: Sequence[Case]) -> CaseResults:
        """Judge the cases of `name` under a policy, as many at a time as one request may hold."""
        most = min(self._service.settings.images, self._service.settings.questions)
        verdicts: list[Verdict] = []
        for start in range(0, len(cases), most):
            some = cases[start : start + most]
            images = await asyncio.to_thread(self._images, name, some)
            uploads = [Upload(case.name, data=image) for case, image in zip(some, images, strict=True)]
            verdicts += await self._judged(request, policy, uploads)
        return results_of(policy, self._service.guard.model, cases, verdicts)

    def _images(self, name: str, cases: Sequence[Case]) -> list[bytes]:
        return [self._book.image(name, case.sha256) for case in cases]

    async def _judged(self, request: Request, policy: Policy, uploads: Sequence[Upload]) -> list[Verdict]:
        service = self._service
        asked = Asked(tuple(uploads), (policy,), False, service.deadline(None))
        rows = await service.judged(asked, lambda: disconnected(request))
        return [row[0].verdict for row in rows]

    async def _policy(self, request: Request, name: str) -> Policy:
        return await found(self._service, self._frame.visit(request).require(*self._roles), name)

    def _who(self, request: Request) -> str:
        return self._frame.visit(request).require().name

    async def _shown(self, name: str, cases: Sequence[Case]) -> list[str | None]:
        """Return the pictures of cases: what was decoded before is at hand, and one thread takes its time for the rest.

        Raises:
            TooBusy: when too many wait for that.
        """
        found = [self._pictures.get(case.sha256) for case in cases]
        if None in found:
            found = await self._decoding.do(lambda: [self._remembered(name, case) for case in cases])
        known = self._service.known  # an image may be listed since it was kept
        return [None if one is None or known.match_digests(one.digests) else one.address for one in found]

    def _remembered(self, name: str, case: Case) -> _Picture:
        return self._pictures.get_or_make(case.sha256, lambda: self._picture(name, case))

    def _picture(self, name: str, case: Case) -> _Picture:
        """Return a few pixels of an image: enough to tell cases apart, and nothing to be harmed by."""
        from eyeward.evaluate.report.gallery import data_uri

        data = self._book.image(name, case.sha256)
        limits = self._service.settings.image
        digests = Digests.of([data])
        if digests.sha256 != case.sha256 or self._service.known.match(data, limits) is not None:
            return _Picture(digests, None)
        decoded = decode(data, limits)
        if isinstance(decoded, Failure):
            return _Picture(digests, None)
        return _Picture(digests, data_uri(decoded.frames[0].pixels, original=False))
