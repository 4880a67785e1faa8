"""A store that does not answer costs the rest of the service nothing, and reviewers nothing that they wrote."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eyeward.serve.labels.export import export_events
from eyeward.serve.labels.store import LabelStore
from eyeward.serve.pages.frame import Frame
from eyeward.serve.pages.review import exporting
from eyeward.serve.pages.review.options import ReviewOptions
from eyeward.serve.pages.review.refused import ReviewRefused
from eyeward.serve.pages.review.room import ASKED_AT_ONCE, ASKED_LATER, Room
from tests.serve.pages.review.people import Office
from tests.serve.world import LOCAL, patiently, service

LONG = 60.0


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with LabelStore.open(tmp_path / "labels.sqlite") as store:
        made = Room(Frame(service()), store, ReviewOptions("labels.sqlite"))
        yield made
        made.close()


def test_questions_that_the_store_does_not_answer_keep_no_other_part_waiting(room: Room) -> None:
    hold = threading.Event()

    async def ask() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        hung = [asyncio.ensure_future(room.ask(lambda: hold.wait(LONG))) for _ in range(ASKED_AT_ONCE + ASKED_LATER)]
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(lambda: None), LONG / 2)
        with pytest.raises(ReviewRefused, match="send it again") as refused:
            await room.ask(lambda: None)
        assert (refused.value.status, refused.value.kind) == (503, "store_unavailable"), (
            "as what gives back what is sent"
        )
        hold.set()
        await asyncio.gather(*hung)

    asyncio.run(ask())


def test_one_export_at_a_time(place: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    place.queue(pictures=1, raters=1)
    ada, olga = place.ready("ada", "olga")
    ada.answers(ada.rate())
    form = olga.get("/review/queues/weapons").form("/export/events")
    hold, began = threading.Event(), threading.Event()

    def held(*arguments: Any) -> int:
        began.set()
        assert hold.wait(LONG)
        return export_events(*arguments)

    monkeypatch.setattr(exporting, "export_events", held)

    def fetch() -> Any:
        return olga.client.post(form.action, data=form.fields, headers={"Origin": LOCAL})

    with ThreadPoolExecutor(1) as other:
        first = other.submit(fetch)
        try:
            patiently(began.is_set)
            second = fetch()
        finally:
            hold.set()
        assert (second.status_code, second.headers["retry-after"]) == (429, "10")
        assert "wait until that is done" in second.text
        assert first.result(LONG).status_code == 200
    assert fetch().status_code == 200
