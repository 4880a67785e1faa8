"""Chat requests in the fields that a server turns out to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eyeward.engine.protocol import Part
from eyeward.engine.remote.chat import Dialect, whole_answer
from eyeward.engine.remote.completions import Completion, read_chat
from eyeward.engine.remote.connection import Connection, Json, Refused
from eyeward.engine.remote.constraints import longest_answer
from eyeward.engine.remote.servers import Constraint, Server
from eyeward.engine.remote.settings import RemoteSettings


class ChatRequests:
    """Remembers which fields one server refused."""

    def __init__(self, connection: Connection, settings: RemoteSettings, server: Server) -> None:
        self.connection = connection
        self._settings = settings
        self._server = server
        self._dialect = Dialect.of(server)

    @property
    def takes_any_form(self) -> bool:
        """Whether it holds answers to forms that are no JSON."""
        return self._dialect.constraint not in (None, Constraint.json_schema)

    async def ask(self, message: Json, parts: Sequence[Part], seed: int, constrained: bool = True) -> Completion:
        """Ask for an answer of some form.

        Raises:
            RequestFailed: when it is refused, or nothing comes that is a completion.
        """
        most = longest_answer(parts)
        tried: set[Dialect] = set()
        while True:
            dialect = self._dialect
            tried.add(dialect)
            asked = dialect if constrained else replace(dialect, constraint=None)
            body = whole_answer(self._server, asked, message, parts, most, seed)
            try:
                return read_chat(await self.connection.post(f"{self._settings.address}/chat/completions", body))
            except Refused as refusal:
                weaker = dialect.without(refusal.words) if refusal.status in (400, 422) else None
                if weaker is None or weaker in tried:
                    raise
                if self._dialect == dialect:
                    self._dialect = weaker
