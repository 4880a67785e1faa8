"""Loads the guard of something that answers requests: one behind a server gets no more time than a request has."""

from __future__ import annotations

from eyeward.engine.remote.address import is_address, profile_and_address
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import UsageError
from eyeward.guard.loading import load_subject, packaged_guards
from eyeward.guard.self_check import Subject

ATTEMPTS = 2
CONNECT_SECONDS = 3.0


def is_remote(name: str) -> bool:
    """Whether the weights of a guard run behind a server, by its name."""
    return is_address(name) or profile_and_address(name) is not None


def within(settings: RemoteSettings, seconds: float) -> RemoteSettings:
    """Return the settings of a server that is asked while somebody waits, with so many seconds for each image.

    Those of the engine itself are for datasets, where five minutes for an image and six attempts lose nobody's time.
    """
    bounds = {
        "item_seconds": seconds,
        "request_seconds": seconds,
        "connect_seconds": min(CONNECT_SECONDS, seconds),
        "attempts": ATTEMPTS,
    }
    return settings.model_copy(update=bounds)


def load_within(
    name: str, seconds: float, device: str = "auto", max_tiles: int | None = None, memory_gb: float | None = None
) -> Subject:
    """Load a guard with all that a check may look into; it is not checked yet.

    `seconds` is what one image may take behind a server, under whatever name it is asked for.

    Raises:
        EyewardError: when it cannot be loaded.
    """
    if not is_remote(name):
        return load_subject(name, device=device, max_tiles=max_tiles, memory_gb=memory_gb)
    if (device, max_tiles, memory_gb) != ("auto", None, None):
        raise UsageError(f"The weights of {name} run behind a server; leave device, tiles and memory out.")
    place = profile_and_address(name)
    if place is not None:
        from eyeward.guard.other_guards import load_other

        return load_other(name, within(RemoteSettings.parse(place[1]), seconds))
    from eyeward.guard.remote_loading import load_remote

    return load_remote(None, within(RemoteSettings.parse(name), seconds), packaged_guards())
