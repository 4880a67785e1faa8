"""What all pages share: who may see them, their headers, the bar on top, and what is shown when something is refused.

A module of pages has a function that takes the frame and returns a `Part`: routes made by `frame.route`, and a tab.
`site.py` lists them. Templates extend `base.html`. Scripts are files under `static/`: the policy of the pages' content
runs no script and no style that stands in a page, and lets no script write markup (`textContent`, never `innerHTML`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.environment import TemplateModule
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from eyeward.serve.answers import error_response, note, request_id
from eyeward.serve.keys import Role
from eyeward.serve.pages.session import (
    TOKEN_FIELD,
    TOKEN_HEADER,
    Sessions,
    SignedOut,
    Visitor,
    check_origin,
    set_cookie,
)
from eyeward.serve.refusals import BadRequest, NotThere, Refused, TooLarge
from eyeward.serve.service import Service

HERE = Path(__file__).parent
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers would not say where a form comes from
    "X-Frame-Options": "DENY",
}
LONGEST_FORM = 1 << 20
"""Bytes of a form without files."""
SIGN_IN, SIGN_OUT, STATIC, API = "/sign-in", "/sign-out", "/static", "/docs"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}
_TEXT = "application/x-www-form-urlencoded"

Endpoint = Callable[[Request], Awaitable[Response]]
Admit = Callable[[Request], None]


@dataclass(frozen=True, slots=True)
class Tab:
    """A page in the bar on top, for those who have one of the roles."""

    path: str
    title: str
    roles: tuple[Role, ...]


@dataclass(frozen=True)
class Part:
    """What a package of pages gives to the site."""

    routes: tuple[Route, ...]
    tab: Tab | None = None
    admit: Mapping[str, Admit] = field(default_factory=dict)
    """By path of a POST: what refuses it before anything of its body is read."""
    close: Callable[[], None] | None = None
    """Called once nothing is answered any more."""


@dataclass
class Frame:
    """Makes pages. `tabs` are shown in their order."""

    service: Service
    tabs: Sequence[Tab] = ()
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        """Read the templates."""
        self.sessions = Sessions(self.service.keys)
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals.update(static=static_address, roles=Role)

    def route(
        self, path: str, endpoint: Endpoint, roles: Sequence[Role] | None = None, methods: Sequence[str] = ("GET",)
    ) -> Route:
        """Return a route for those who have one of the roles; none: whoever is signed in; None: everybody.

        A POST is refused unless it carries the token of our page, in the field `csrf` of a plain form or in the header
        `X-CSRF-Token`. What is refused is a page for those who look, and JSON for scripts.
        """

        async def guarded(request: Request) -> Response:
            request.scope["route"] = route
            visitor = self.visit(request)
            try:
                if roles is not None:
                    note(request, key=visitor.require(*roles).name)
                if request.method not in ("GET", "HEAD"):
                    check_origin(request)  # before anything is read
                    self.sessions.check(request, visitor, await _token(request))
                response = await endpoint(request)
            except Refused as reason:
                self.service.metrics.refused(reason)
                response = self._refusal(request, reason)
            return self._finished(request, response)

        route = Route(path, guarded, methods=list(methods))
        return route

    def visit(self, request: Request) -> Visitor:
        """Return who sends a request, looked up once."""
        state = request.scope.setdefault("state", {})
        visitor: Visitor | None = state.get("visitor")
        if visitor is None:
            visitor = state["visitor"] = self.sessions.visitor(request)
        return visitor

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page made from `templates/TEMPLATE`; every value is escaped."""
        visitor = self.visit(request)
        tabs = [tab for tab in self.tabs if visitor.may(*tab.roles)]
        path = request.url.path
        here = max((tab.path for tab in tabs if _is_under(path, tab.path)), key=len, default=None)
        shown = self._templates.get_template(template).render(
            visitor=visitor,
            csrf=visitor.token,
            tabs=tabs,
            here=here,
            path=path,
            model=self.service.guard.model.name,
            signing_in=self.sessions.wanted and bool(self.tabs),
            home=self.home(visitor),
            **values,
        )
        return HTMLResponse(shown.encode("utf-8", "replace"), status)

    def piece(self, template: str, **values: Any) -> TemplateModule:
        """Return markup made once from `templates/TEMPLATE`, to be put into pages as it is; every value is escaped."""
        return self._templates.get_template(template).make_module(values)

    def not_routed(self, request: Request, reason: Refused) -> Response:
        """Refuse an address that leads nowhere: by a page without scripts where somebody looks at one, else as JSON."""
        id = request_id(request)
        if not self.tabs or not _looks(request):
            return error_response(reason, id)
        shown = self._templates.get_template("not_routed.html").render(reason=str(reason), request_id=id)
        return HTMLResponse(shown.encode("utf-8", "replace"), reason.status, HEADERS)

    def home(self, visitor: Visitor) -> str:
        """Return the first page that a visitor may see."""
        if not self.tabs:
            return API
        return next((tab.path for tab in self.tabs if visitor.may(*tab.roles)), SIGN_IN)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of signing in and out."""
        return (
            self.route(SIGN_IN, self._sign_in_page),
            self.route(SIGN_IN, self._sign_in, methods=("POST",)),
            self.route(SIGN_OUT, self._sign_out, methods=("POST",)),
        )

    async def _sign_in_page(self, request: Request) -> Response:
        visitor = self.visit(request)
        target = _local(request.query_params.get("next", ""))
        if visitor.principal is not None and target:
            return RedirectResponse(target, 303)
        return self.page(request, "sign_in.html", next=target, problem="")

    async def _sign_in(self, request: Request) -> Response:
        sent = await form(request)
        target = _local(sent.get("next", ""))
        try:
            visitor = self.sessions.sign_in(sent.get("key", "").strip(), self.visit(request))
        except Refused as reason:
            self.service.metrics.refused(reason)
            problem = "Nobody has this key. Look at it again, or ask whoever runs this service."
            return self.page(request, "sign_in.html", 403, next=target, problem=problem)
        request.scope["state"]["visitor"] = visitor
        return RedirectResponse(target or self.home(visitor), 303)

    async def _sign_out(self, request: Request) -> Response:
        self.sessions.sign_out(self.visit(request))
        request.scope["state"].pop("visitor")
        return RedirectResponse(SIGN_IN, 303)

    def _refusal(self, request: Request, reason: Refused) -> Response:
        if not _looks(request):
            return error_response(reason, request_id(request))
        if isinstance(reason, SignedOut) and request.method == "GET":
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{SIGN_IN}?next={quote(wanted)}", 303)
        said = self.page(request, "refused.html", reason.status, reason=str(reason), request_id=request_id(request))
        if reason.retry_after is not None:
            said.headers["Retry-After"] = str(reason.retry_after)
        return said

    def _finished(self, request: Request, response: Response) -> Response:
        """Add the headers, but for those that a page has brought itself, and the cookie."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        visitor = self.visit(request)
        if visitor.new and self.tabs:
            set_cookie(request, response, visitor)
        return response


async def form(request: Request) -> dict[str, str]:
    """Read a plain form; the last value of a name counts.

    Raises:
        Refused: when it is none, or too long.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TEXT:
        raise BadRequest(f"A form is sent here as {_TEXT}.")
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > LONGEST_FORM:  # before it is read: anybody may send one
        raise TooLarge(f"A form has at most {LONGEST_FORM:,} bytes, and says how many.")
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1000))
    except ValueError:
        raise BadRequest("The form cannot be read.") from None


def answer(content: object, status: int = 200) -> JSONResponse:
    """Return data for a script of ours."""
    return JSONResponse(content, status)


@cache
def static_files() -> dict[str, bytes]:
    """Return what pages load, by name; all of it is read once, so no path of a request ever names a file."""
    return {
        file.relative_to(HERE / "static").as_posix(): file.read_bytes()
        for file in sorted((HERE / "static").rglob("*"))
        if file.suffix in _KINDS
    }


@cache
def static_address(name: str) -> str:
    """Return where a file under `static/` is served; another content has another address."""
    return f"{STATIC}/{name}?v={hashlib.sha256(static_files()[name]).hexdigest()[:12]}"


def static_route() -> Route:
    """Return the route of the files that pages load; they hold no secret."""

    async def file(request: Request) -> Response:
        request.scope["route"] = route
        name = request.path_params["name"]
        content = static_files().get(name)
        if content is None:
            raise NotThere("There is no such file.")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return Response(content, headers=headers, media_type=_KINDS[Path(name).suffix])

    route = Route(f"{STATIC}/{{name:path}}", file)
    return route


async def _token(request: Request) -> str:
    """Return the token of a request: of its header, or of a plain form."""
    sent = request.headers.get(TOKEN_HEADER)
    if sent is not None or request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TEXT:
        return sent or ""
    return (await form(request)).get(TOKEN_FIELD, "")


def _looks(request: Request) -> bool:
    """Whether somebody wants to look at the answer."""
    return "text/html" in request.headers.get("accept", "")


def _local(path: str) -> str:
    """Return a path of this site, or nothing: whoever signs in is not sent elsewhere."""
    good = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if good and not path.startswith(SIGN_IN) else ""


def _is_under(path: str, tab: str) -> bool:
    return path == tab or (tab != "/" and path.startswith(f"{tab}/"))
