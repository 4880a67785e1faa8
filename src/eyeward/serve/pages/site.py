"""Which pages there are, and in which order they stand in the bar on top."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from starlette.routing import Route

from eyeward.errors import UsageError
from eyeward.serve.pages.api import api
from eyeward.serve.pages.frame import Admit, Frame, Part, Tab
from eyeward.serve.pages.playground import playground
from eyeward.serve.pages.policies import policies
from eyeward.serve.pages.review.options import ReviewOptions
from eyeward.serve.pages.runs import runs
from eyeward.serve.service import Service


@dataclass(frozen=True)
class PageOptions:
    """What the pages are started with."""

    runs: tuple[Path, ...] = ()
    """Folders in which runs with reports are looked for."""
    review: ReviewOptions | None = None
    """None: there is no review page."""

    def check(self) -> None:
        """Refuse what cannot be shown.

        Raises:
            UsageError: when a folder is none.
        """
        for folder in self.runs:
            if not folder.is_dir():
                raise UsageError(f"{folder} is no folder; name one with runs in it, or leave --runs out.")


@dataclass(frozen=True)
class Site:
    """All parts, put together."""

    frame: Frame
    parts: tuple[Part, ...]

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes of all parts."""
        return tuple(route for part in self.parts for route in part.routes)

    @property
    def admit(self) -> dict[str, Admit]:
        """What refuses a POST early, by path."""
        return {path: admit for part in self.parts for path, admit in part.admit.items()}

    def close(self) -> None:
        """End what the parts hold open."""
        for part in self.parts:
            if part.close is not None:
                part.close()


def make_site(service: Service, options: PageOptions | None) -> Site:
    """Put the pages together; without options there is the page of the API alone."""
    tabs: list[Tab] = []
    frame = Frame(service, tabs)
    parts = [api(frame)]
    if options is not None:
        parts += [Part(frame.routes()), playground(frame), policies(frame)]
        if options.review is not None:
            from eyeward.serve.pages.review.part import review_part

            parts.append(review_part(frame, options.review))
        parts.append(runs(frame, options.runs))
    tabs += [part.tab for part in parts if part.tab is not None]
    return Site(frame, tuple(parts))
