"""Labels leave by the page: training data with its images, events, the labels of an audit sample."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from eyeward.serve.answers import note
from eyeward.serve.keys import Role
from eyeward.serve.labels.export import export_audit, export_events, export_samples
from eyeward.serve.pages.review.room import QUEUE, Room
from eyeward.serve.refusals import NotThere

EXPORTERS = (Role.policy_owner,)
_PIECE = 1 << 18


def export_routes(room: Room) -> list[Route]:
    """Return the routes of those who take labels away."""
    pages = _Exports(room)
    route = room.frame.route
    return [
        route(f"{QUEUE}/export/training", pages.training, EXPORTERS, ("POST",)),
        route(f"{QUEUE}/export/events", pages.events, EXPORTERS, ("POST",)),
        route(f"{QUEUE}/export/audit", pages.audit, EXPORTERS, ("POST",)),
    ]


class _Exports:
    def __init__(self, room: Room) -> None:
        self._room = room

    async def training(self, request: Request) -> Response:
        """Send a folder of samples as one archive: labels and images."""
        room, queue = self._room, await self._room.queue(request)

        def write(folder: Path) -> Path:
            export_samples(room.store, queue.name, folder / queue.name, room.frame.service.known)
            return _packed(folder / queue.name, folder / "packed.zip")

        return await self._sent(request, write, f"{queue.name}.zip", "application/zip")

    async def events(self, request: Request) -> Response:
        """Send the deciding events, as `eyeward data build --events` reads them."""
        room, queue = self._room, await self._room.queue(request)

        def write(folder: Path) -> Path:
            export_events(room.store, queue.name, folder / "events.jsonl")
            return folder / "events.jsonl"

        return await self._sent(request, write, f"{queue.name}.events.jsonl", "application/jsonl")

    async def audit(self, request: Request) -> Response:
        """Send the sample that the queue was made from with its labels, as `eyeward audit DIR --labels` reads them."""
        room, queue = self._room, await self._room.queue(request)
        drawn = room.options.samples.get(queue.name)
        if drawn is None:
            raise NotThere("This queue was not made from the sample of an audit, as far as this service was told.")

        def write(folder: Path) -> Path:
            export_audit(room.store, queue.name, drawn.run, drawn.sample, folder / "labels.csv")
            return folder / "labels.csv"

        return await self._sent(request, write, f"{queue.name}.csv", "text/csv")

    async def _sent(self, request: Request, write: Callable[[Path], Path], name: str, kind: str) -> Response:
        """Send a file that nobody can find on the disk any more when the first byte of it leaves."""

        def written() -> tuple[IO[bytes], int]:
            with tempfile.TemporaryDirectory(prefix="eyeward-") as folder:
                file = write(Path(folder))
                return file.open("rb"), file.stat().st_size

        file, length = await self._room.export(written)
        note(request, exported_bytes=length)
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(length)}
        return StreamingResponse(_pieces(file), media_type=kind, headers=headers)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _packed(folder: Path, file: Path) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # images are packed already
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder.parent))
    return file
