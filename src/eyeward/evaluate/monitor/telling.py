"""Tell somebody's program about alarms: one POST of JSON to an address that the user named."""

from __future__ import annotations

from urllib.parse import urlsplit

import eyeward
from eyeward.errors import UsageError
from eyeward.evaluate.monitor.watching import Watch

SECONDS = 10.0


def check_address(address: str) -> None:
    """Refuse what is no address of a web hook, before anything is computed.

    Raises:
        UsageError: when it is none.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"A web hook is an address that begins with http:// or https://, not {address!r}.")


def tell(address: str, found: Watch) -> str | None:
    """Send the alarms; return what went wrong in one sentence, or None. Nothing is sent about single images.

    Redirects are not followed: the alarms go to the address that was named, or nowhere.
    """
    import httpx2

    body = {
        "eyeward": eyeward.__version__,
        "policy": found.reference.policy,
        "windows": len(found.watched),
        "alarms": [alarm.model_dump(mode="json") for alarm in found.alarms],
    }
    try:
        answer = httpx2.post(address, json=body, timeout=SECONDS, follow_redirects=False)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
        return f"The web hook could not be told: {type(problem).__name__}: {problem}."
    if not 200 <= answer.status_code < 300:
        return f"The web hook answered {answer.status_code}; it may not have taken the alarms."
    return None
