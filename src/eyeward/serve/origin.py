"""Where a request comes from, as far as browsers say: this machine, a page of ours, a page of somebody else.

A service without keys listens on the loopback, and so keeps out other machines. It does not keep out the pages that a
browser of this machine has open: those may post forms to any address. Programs send none of these headers, browsers
do, and no script can change them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

LOOKING = frozenset(("GET", "HEAD", "OPTIONS"))
_LOCAL_NAMES = frozenset(("localhost", "ip6-localhost"))
_OURS = frozenset(("same-origin", "none"))
"""What `Sec-Fetch-Site` says of a page of this address, and of what a person typed."""


def is_local(host: str) -> bool:
    """Whether a Host header names this machine; a page in a browser cannot make it do so with another name."""
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_of_page(headers: Mapping[str, str]) -> bool:
    """Whether a page of this very address sent a request, as a browser says; `headers` have lower-case names."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    return _place(origin) == headers.get("host", "").lower() != ""


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a page of another address sent a request; what says nothing of that was sent by a program."""
    if "origin" in headers:
        return not is_of_page(headers)
    return headers.get("sec-fetch-site", "none") not in _OURS


def problem_with_sender(method: str, headers: Mapping[str, str]) -> str | None:
    """Return why nobody without a key may send this, or None.

    Looking changes nothing, and a page cannot read what another address answers: there the name of the host is enough.
    """
    if not is_local(headers.get("host", "")):
        return "Without a key only the names of this machine are answered to, such as localhost."
    if method not in LOOKING and is_foreign(headers):
        return "A page of another address sent this; without a key nothing is taken from such pages."
    return None


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
