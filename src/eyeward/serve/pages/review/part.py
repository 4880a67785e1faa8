"""The review page as a part of the site."""

from __future__ import annotations

from eyeward.serve.labels.store import LabelStore
from eyeward.serve.pages.frame import Frame, Part, Tab
from eyeward.serve.pages.review.adjudicating import adjudication_routes
from eyeward.serve.pages.review.exporting import export_routes
from eyeward.serve.pages.review.options import ReviewOptions
from eyeward.serve.pages.review.overview import PEOPLE, overview_routes
from eyeward.serve.pages.review.rating import rating_routes
from eyeward.serve.pages.review.room import ROOT, Room


def review_part(frame: Frame, options: ReviewOptions) -> Part:
    """Open the store, and return the pages on it.

    Raises:
        EyewardError: when the store cannot be opened.
    """
    store = LabelStore.open(options.store)
    room = Room(frame, store, options)
    made = (overview_routes(room), rating_routes(room), adjudication_routes(room), export_routes(room))
    routes = tuple(route for of_one in made for route in of_one)

    def close() -> None:
        room.close()
        store.close()

    return Part(routes, Tab(ROOT, "Review", PEOPLE), close=close)
