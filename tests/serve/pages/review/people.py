"""A service with a review page, and people who use it like a browser without scripts."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from eyeward.images import sha256_of_bytes
from eyeward.policy import Policy
from eyeward.serve.app import make_app
from eyeward.serve.gate import Gate
from eyeward.serve.keys import Keys
from eyeward.serve.labels.records import UNKNOWN, Claim, ImagePlace, Item, Queue, QueueSettings
from eyeward.serve.labels.store import LabelStore
from eyeward.serve.pages.review.options import ReviewOptions
from eyeward.serve.pages.site import PageOptions
from eyeward.serve.service import Service
from eyeward.verdict import Rating
from tests.serve.pages.review.drawings import encoded, page_of_text
from tests.serve.test_keys import entry, write
from tests.serve.world import LOCAL, service

POLICY = Policy.load("default")
WEAPONS, NONE = POLICY.labels[5], "NA: None applying"
ROLES = {
    "ada": ["reviewer"],
    "bob": ["reviewer"],
    "cleo": ["reviewer", "policy_owner"],
    "olga": ["policy_owner"],
    "boss": ["admin"],
    "caller": ["caller"],
}
GUARD_REASON = "The guard saw <script>alert('guard')</script> a rifle."
CLAIM = Claim(
    by="secret-guard",
    policy="default",
    policy_hash=POLICY.hash,
    rating=Rating.Unsafe,
    category=WEAPONS,
    p_unsafe=0.87654,
    threshold=0.5,
    rationale=GUARD_REASON,
)


@dataclass
class Form:
    """A form of a page, filled in as the page filled it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    """Where its buttons send it instead."""


class Page(HTMLParser):
    """What a browser knows of a page."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.status = int(response.status_code)
        self.path = str(response.url.path)
        self.headers = response.headers
        self.text = str(response.text)
        self.forms: list[Form] = []
        self.images: list[dict[str, str]] = []
        self.links: list[str] = []
        self._area = ""
        self._within: list[Form] = []
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        ticked = has.get("type") in ("radio", "checkbox")
        if tag == "form" and has.get("method") == "post":
            self._within = [Form(has["action"])]
            self.forms += self._within
        elif tag == "img":
            self.images.append(has)
        elif tag == "a":
            self.links.append(has.get("href", ""))
        elif self._within and tag == "button" and "formaction" in has:
            self._within[0].actions.append(has["formaction"])
        elif self._within and tag == "textarea":
            self._area = has["name"]
            self._within[0].fields[self._area] = ""
        elif self._within and tag == "input" and "name" in has and ("checked" in has or not ticked):
            self._within[0].fields[has["name"]] = has.get("value", "on")

    def handle_data(self, data: str) -> None:
        if self._area:
            self._within[0].fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        if tag == "form":
            self._within = []

    def form(self, ending: str) -> Form:
        """Return the form that goes to an address, or has a button that does."""
        return next(f for f in self.forms if any(to.endswith(ending) for to in (f.action, *f.actions)))

    @property
    def picture(self) -> bytes:
        """The picture of the item; there is one."""
        (found,) = [image for image in self.images if image["src"].startswith("data:")]
        return base64.b64decode(found["src"].partition(",")[2])

    @property
    def image(self) -> str:
        """The hash of the item that is shown."""
        found = re.search(r"images/([0-9a-f]{64})", self.form("answer").action)
        assert found is not None
        return found[1]


class Person:
    """Somebody with a browser of their own."""

    def __init__(self, app: Gate, name: str | None) -> None:
        self.client = TestClient(app, base_url=LOCAL, headers={"Accept": "text/html"}, raise_server_exceptions=False)
        if name is not None:
            self.submit(self.get("/sign-in"), "/sign-in", key=name)

    def get(self, path: str) -> Page:
        return Page(self.client.get(path))

    def post(self, path: str, data: dict[str, str], **headers: str) -> Page:
        return Page(self.client.post(path, data=data, headers={"Origin": LOCAL, **headers}))

    def submit(self, page: Page, ending: str, **fields: str) -> Page:
        """Fill in a form and press the button that goes to an address."""
        form = page.form(ending)
        to = next(address for address in (form.action, *form.actions) if address.endswith(ending))
        return self.post(to, form.fields | fields)

    def agree(self, *labels: str, cap: int | None = None) -> Page:
        """Say what is to be seen; nothing named: everything."""
        ticks = {f"see-{number}": label for number, label in enumerate(labels or (*POLICY.labels, UNKNOWN), 1)}
        page = self.get("/review/settings")
        plain = {name: value for name, value in page.form("/settings").fields.items() if not name.startswith("see-")}
        cap_field = {} if cap is None else {"cap": str(cap)}
        return self.post("/review/settings", plain | ticks | cap_field)

    def rate(self, queue: str = "weapons") -> Page:
        return self.get(f"/review/queues/{queue}/rate")

    def answers(self, page: Page, rating: str = "Unsafe", category: str = WEAPONS, **fields: str) -> Page:
        return self.submit(page, "/answer", rating=rating, category=category, **fields)


@dataclass
class Shelf:
    """The store behind a service, and where its images lie."""

    store: LabelStore
    folder: Path

    def queue(
        self,
        name: str = "weapons",
        pictures: int = 3,
        raters: int = 2,
        claims: Sequence[Claim] = (CLAIM,),
        policy: Policy = POLICY,
        file_name: str = "picture-{number}.png",
    ) -> Queue:
        """Make a queue of pages of letters, in their order."""
        files = []
        for number in range(pictures):
            files.append(self.folder / file_name.format(number=number))
            files[-1].write_bytes(encoded(page_of_text(begin=100 * number)))
        return self.queue_of(files, QueueSettings(name=name, policy=policy, raters=raters), claims)

    def queue_of(self, files: Sequence[Path], settings: QueueSettings, claims: Sequence[Claim] = (CLAIM,)) -> Queue:
        """Make a queue of images, in their order."""
        items = [
            Item(
                queue=settings.name,
                position=position,
                image_sha256=sha256_of_bytes(file.read_bytes()),
                name=file.name,
                place=ImagePlace(file=str(file)),
                claims=tuple(claims),
            )
            for position, file in enumerate(files)
        ]
        return self.store.add_queue(settings, items, "boss", {})


@dataclass
class Office(Shelf):
    """A service in this process, and who works there."""

    app: Gate

    def person(self, name: str | None) -> Person:
        return Person(self.app, name)

    def ready(self, *names: str) -> list[Person]:
        """Return people who agreed to see everything."""
        people = [self.person(name) for name in names]
        for person in people:
            person.agree()
        return people


@contextmanager
def furnished(folder: Path, daily_cap: int = 300, **more: Any) -> Iterator[tuple[Service, PageOptions, Shelf]]:
    """Give a service with keys for these people, its pages, and the store behind them."""
    keys = write(folder / "keys.yaml", *(entry(name, name, roles=roles) for name, roles in ROLES.items()))
    images = folder / "images"
    images.mkdir()
    address = folder / "labels.sqlite"
    pages = PageOptions(review=ReviewOptions(str(address), daily_cap, **more))
    with LabelStore.open(address) as store:
        yield service(keys=Keys(keys)), pages, Shelf(store, images)


@contextmanager
def office(folder: Path, daily_cap: int = 300, **more: Any) -> Iterator[Office]:
    """Open a service with a review page in this process."""
    with furnished(folder, daily_cap, **more) as (of, pages, shelf):
        app = make_app(of, pages)
        with TestClient(app, base_url=LOCAL):
            yield Office(shelf.store, shelf.folder, app)
