"""Which kind of server answers at an address, and which model it serves."""

from __future__ import annotations

from eyeward.engine.remote.connection import Connection, Json, RequestFailed
from eyeward.engine.remote.servers import Server, ServerKind
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import UsageError


async def detect(connection: Connection, settings: RemoteSettings) -> Server:
    """Ask a server what it is, on routes that only its kind has.

    Raises:
        RequestFailed: when nothing answers, or the key is not known.
        UsageError: when it is not clear which of its models is meant.
    """
    listed = _models(await connection.get(f"{settings.address}/models"))
    model = _chosen(settings, listed)
    facts = listed.get(model, {})
    owner, length = str(facts.get("owned_by") or ""), _whole(facts.get("max_model_len"))
    sglang = await _first(connection, settings, "/server_info", "/get_server_info")
    if sglang is not None and "model_path" in sglang:
        return Server(ServerKind.sglang, model, _version(sglang), length or _whole(sglang.get("context_length")))
    props = await _first(connection, settings, "/props")
    if props is not None and isinstance(props.get("default_generation_settings"), dict):
        generation = props["default_generation_settings"]
        assert isinstance(generation, dict)
        return Server(ServerKind.llamacpp, model, _text(props.get("build_info")), _whole(generation.get("n_ctx")))
    if owner == "lmdeploy":
        return Server(ServerKind.lmdeploy, model, None, length)
    version = await _first(connection, settings, "/version")
    if owner == "vllm" and version is not None and "version" in version:
        return Server(ServerKind.vllm, model, _version(version), length)
    return Server(ServerKind.openai, model, None, length)


async def _first(connection: Connection, settings: RemoteSettings, *routes: str) -> Json | None:
    """Return what the first of some routes gives; a server that breaks off on a route does not have it."""
    for route in routes:
        try:
            found = await connection.get(settings.root + route)
        except RequestFailed:
            continue
        if found is not None:
            return found
    return None


def _models(answer: Json | None) -> dict[str, Json]:
    data = (answer or {}).get("data")
    entries = data if isinstance(data, list) else []
    return {str(entry["id"]): entry for entry in entries if isinstance(entry, dict) and "id" in entry}


def _chosen(settings: RemoteSettings, listed: dict[str, Json]) -> str:
    """Return the model that is meant. A name that is not listed is kept: some servers list less than they serve."""
    if settings.model:
        return settings.model
    if len(listed) == 1:
        return next(iter(listed))
    names = f"It serves {', '.join(sorted(listed)[:10])}." if listed else "It does not say which it serves."
    raise UsageError(f"Say which model of {settings.address} is meant, as in {settings.address}#model. {names}")


def _version(answer: Json) -> str | None:
    return _text(answer.get("version"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
