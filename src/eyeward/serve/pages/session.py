"""Who looks at the pages: a key opens a session, which lives in this process and stands in a cookie.

The cookie is read by no script and sent with no request from another site. Whatever changes something must carry a
token that only our own pages hold, and must come from this very address.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import HTTPConnection
from starlette.responses import Response

from eyeward.serve.keys import Keys, Principal, Role, hash_of
from eyeward.serve.origin import is_of_page
from eyeward.serve.refusals import NoKey, NotAllowed

IDLE_SECONDS = 60 * 60.0
"""A session that nobody uses for so long is over."""
LONGEST_SECONDS = 12 * 60 * 60.0
"""A session of so long is over, whoever uses it."""
MOST_SESSIONS = 4096
"""More push out those that were used the longest time ago."""
TOKEN_FIELD, TOKEN_HEADER = "csrf", "x-csrf-token"
_COOKIE = "eyeward_session"
_MOST_LETTERS = 128


class SignedOut(NoKey):
    """No session, or one that is over."""

    def __init__(self) -> None:
        super().__init__()
        self.args = ("You are not signed in, or your session is over; sign in again.",)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page."""

    cookie: str
    """What the browser sends, or is about to."""
    token: str
    """What a form of ours sends back."""
    principal: Principal | None = None
    """None: not signed in."""
    signed_in: bool = False
    """Whether with a key. Without keys the local user may do everything, and has nothing to sign out of."""
    new: bool = False
    """Whether the browser has to be told the cookie."""

    def may(self, *roles: Role) -> bool:
        """Whether the visitor has one of these roles; admin has them all."""
        return self.principal is not None and bool(self.principal.roles & {*roles, Role.admin})

    def require(self, *roles: Role) -> Principal:
        """Return who it is; with roles, somebody who has one of them.

        Raises:
            SignedOut: when nobody is signed in.
            NotAllowed: when the key is not for this.
        """
        if self.principal is None:
            raise SignedOut
        if roles:
            self.principal.require(*roles)
        return self.principal


@dataclass(slots=True)
class _Session:
    key_hash: str
    began: float
    used: float


class Sessions:
    """All sessions of this process. Safe to use from several threads."""

    def __init__(self, keys: Keys, now: Callable[[], float] = time.monotonic) -> None:
        """Take the keys that open sessions."""
        self._keys = keys
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._open: OrderedDict[str, _Session] = OrderedDict()

    @property
    def wanted(self) -> bool:
        """Whether anybody has to sign in."""
        return self._keys.wanted

    def visitor(self, request: HTTPConnection) -> Visitor:
        """Return who sends a request; a browser without a cookie gets one."""
        cookie = request.cookies.get(cookie_name(request), "")
        known = 0 < len(cookie) <= _MOST_LETTERS
        visitor = self._visitor(cookie if known else secrets.token_urlsafe(32))
        visitor = replace(visitor, new=not known)
        if not self._keys.wanted:
            return replace(visitor, principal=self._keys.principal(None))
        principal = self._principal(visitor.cookie) if known else None
        return replace(visitor, principal=principal, signed_in=principal is not None)

    def check(self, request: HTTPConnection, visitor: Visitor, token: str) -> None:
        """Refuse what does not come from a page of ours that this browser was sent.

        Raises:
            NotAllowed: when that is so.
        """
        check_origin(request)
        sent = token.encode("utf-8", "replace")
        if visitor.new or not hmac.compare_digest(sent, visitor.token.encode("ascii")):
            raise NotAllowed("This page is too old to send anything, or its cookie is gone; load it again.")

    def sign_in(self, key: str, before: Visitor) -> Visitor:
        """Open a session under a new cookie, and end the one before.

        Raises:
            NoKey: when nobody has this key.
        """
        principal = self._keys.principal(key)
        self.sign_out(before)
        visitor = self._visitor(secrets.token_urlsafe(32))
        now = self._now()
        with self._lock:
            self._open[visitor.cookie] = _Session(hash_of(key), now, now)
            while len(self._open) > MOST_SESSIONS:
                self._open.popitem(last=False)
        return replace(visitor, principal=principal, signed_in=self._keys.wanted, new=True)

    def sign_out(self, visitor: Visitor) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(visitor.cookie, None)

    def _visitor(self, cookie: str) -> Visitor:
        token = hmac.new(self._secret, cookie.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return Visitor(cookie, token)

    def _principal(self, cookie: str) -> Principal | None:
        """Return whose session it is, unless it is over or its key is no longer known."""
        now = self._now()
        with self._lock:
            session = self._open.get(cookie)
            if session is None:
                return None
            if now - session.used > IDLE_SECONDS or now - session.began > LONGEST_SECONDS:
                del self._open[cookie]
                return None
            session.used = now
            self._open.move_to_end(cookie)
        try:
            return self._keys.holder(session.key_hash)
        except NoKey:
            with self._lock:
                self._open.pop(cookie, None)
            return None


def check_origin(request: HTTPConnection) -> None:
    """Refuse what a page of another address sends, and what nobody can say that of.

    Raises:
        NotAllowed: when that is so.
    """
    if not is_of_page(request.headers):
        raise NotAllowed("This was not sent by a page of this service; open the page here and send it again.")


def cookie_name(request: HTTPConnection) -> str:
    """Return the name of the cookie: cookies know no ports, and two services may share a machine."""
    port = request.headers.get("host", "").rpartition(":")[2]
    return f"{_COOKIE}_{port}" if port.isdecimal() and len(port) <= 5 else _COOKIE


def set_cookie(request: HTTPConnection, response: Response, visitor: Visitor) -> None:
    """Tell the browser its cookie, until it is closed; over https only where the page came over https."""
    secure = request.headers.get("origin", "").startswith("https:") or request.url.scheme == "https"
    response.set_cookie(cookie_name(request), visitor.cookie, httponly=True, samesite="strict", secure=secure, path="/")
