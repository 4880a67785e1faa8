"""The review page in a browser: by keys alone, by mouse, on a phone, without a complaint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eyeward.data.events import LabelField
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.records import UNKNOWN, Answer, Claim, QueueSettings, Stage, State
from eyeward.verdict import Rating
from tests.serve.listening import listening
from tests.serve.pages.chromium import NEEDED, Window, chromium
from tests.serve.pages.review.people import CLAIM, NONE, POLICY, Shelf, furnished
from tests.serve.pages.test_chromium import UNNAMED

pytestmark = NEEDED
EXAMPLES = Path(__file__).parents[4] / "examples" / "images"
ENTER, SPACE, TAB, ESCAPE, CONTROL = "\ue007", "\ue00d", "\ue004", "\ue00c", "\ue009"
SCENES = ("burglar", "fist_fight_museum_frame")
CRIME = POLICY.labels[4]
REASON = "A burglar,\n<b>with</b> a bag."


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Window, Shelf]]:
    folder = tmp_path_factory.mktemp("review")
    with (
        furnished(folder) as (of, pages, shelf),
        listening(of, pages) as address,
        chromium(address, folder) as window,
    ):
        yield window, shelf


@pytest.fixture
def shelf(started: tuple[Window, Shelf]) -> Shelf:
    return started[1]


@pytest.fixture
def window(started: tuple[Window, Shelf]) -> Iterator[Window]:
    """Start at a desk in the light, with nobody signed in, and have nothing to complain of in the end."""
    window = started[0]
    window.resize(1280, 900)
    window.prefer("light")
    window.open("/health")
    window.driver.delete_all_cookies()
    window.complaints()
    yield window
    assert window.complaints() == []


def sign_in(window: Window, name: str, path: str) -> None:
    window.open(path)
    window.until_text("h1", "Sign in")
    window.press(name, ENTER)
    window.until(lambda: window.one(".who").text == name, "signing in")


def agree(shelf: Shelf, *names: str) -> None:
    for name in names:
        ReviewDesk(shelf.store).agree(name, (*POLICY.labels, UNKNOWN))


def scenes(shelf: Shelf, name: str, raters: int = 2, claim: Claim = CLAIM) -> None:
    """Make a queue of drawn scenes."""
    files = [EXAMPLES / f"{scene}.png" for scene in SCENES]
    shelf.queue_of(files, QueueSettings(name=name, policy=POLICY, raters=raters), [claim])


def item(window: Window) -> str:
    """Return the hash of the image that is asked about."""
    return str(window.one("#item").get_attribute("action")).partition("/images/")[2][:64]


def chord(window: Window, key: str) -> None:
    """Press a key with Ctrl held."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(window.driver).key_down(CONTROL).send_keys(key).key_up(CONTROL).perform()


def style(window: Window, selector: str, name: str) -> Any:
    return window.run("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, name)


def said(shelf: Shelf, queue: str, user: str) -> list[dict[LabelField, str | None]]:
    """Return the answers of somebody, in the order in which they were given."""
    found: dict[str, dict[LabelField, str | None]] = {}
    for event in shelf.store.events(queue):
        if event.user == user:
            found.setdefault(event.image_sha256, {})[event.field] = event.new
    return list(found.values())


def test_consent_and_rating_by_keys_alone(window: Window, shelf: Shelf) -> None:
    scenes(shelf, "by-keys")
    sign_in(window, "cleo", "/review")
    assert "Say first what you want to see" in window.text()
    window.tab_to("main a[href='/review/settings']")
    window.press(ENTER)
    window.until_text("h1", "What you want to see")
    window.tab_to("input[name=see-1]")
    window.press(SPACE, *[key for _ in POLICY.labels for key in (TAB, SPACE)])
    window.tab_to("main button.main")
    window.press(ENTER)
    window.until_text(".good", "Kept")
    assert ReviewDesk(shelf.store).annotator("cleo").consent == frozenset([*POLICY.labels, UNKNOWN])
    window.open("/review")
    window.tab_to("a[href='/review/queues/by-keys/rate']")
    window.press(ENTER)
    window.until(lambda: window.all("#item"), "the item")
    first = item(window)
    assert "blurred" in window.one("#picture img").get_attribute("alt")
    window.press("?")
    window.until(lambda: window.one("#keys").is_displayed(), "the list of keys")
    window.press("u", ESCAPE)
    assert not window.one("#keys").is_displayed()
    assert window.all("input[name=rating]:checked") == []
    window.press("v")
    window.until(lambda: window.all("#seen"), "the image without blur")
    assert item(window) == first
    assert window.run("return document.activeElement.id") == "picture"
    assert style(window, "#seen", "filter") == "grayscale(1)"
    window.press("c")
    assert style(window, "#seen", "filter") == "none"
    window.press("v")
    assert style(window, "#seen", "visibility") == "hidden"
    window.press("v", "h", "2", "r")
    assert window.one("input[value=Unsafe]").is_selected(), "the severity says the rating"
    window.press("A blow, in earnest.")
    chord(window, ENTER)
    window.until(lambda: item(window) != first, "the next item")
    window.until_text(".good", "Kept")
    assert not window.one("#grey").is_selected(), "who wanted colours wants them still"
    window.press("0", "s", ENTER)
    window.until_text("h1", "Nothing for you now")
    assert said(shelf, "by-keys", "cleo") == [
        {
            LabelField.rating: "Unsafe",
            LabelField.category: POLICY.labels[1],
            LabelField.severity: "highly_unsafe",
            LabelField.rationale: "A blow, in earnest.",
        },
        {LabelField.rating: "Safe", LabelField.category: NONE},
    ]
    assert [event.revealed for event in shelf.store.events("by-keys")][::4] == [True, False]
    assert all(event.ms > 0 for event in shelf.store.events("by-keys"))


def test_rating_by_mouse(window: Window, shelf: Shelf) -> None:
    scenes(shelf, "doubtful")
    agree(shelf, "ada")
    sign_in(window, "ada", "/review")
    window.click("a[href='/review/queues/doubtful/rate']")
    window.until(lambda: window.all("#item"), "the item")
    first = item(window)
    window.picture("page_review")
    window.click("#keep")
    window.until_text("#problem", "Choose Safe or Unsafe")
    assert item(window) == first
    window.click("button[formaction$='/reveal']")
    window.until(lambda: window.all("#seen"), "the image without blur")
    assert window.run("return document.querySelector('#seen').naturalWidth") > 0
    window.click("#cover")
    assert style(window, "#seen", "visibility") == "hidden"
    window.click("input[value=Unsafe]")
    window.click(f"input[value='{CRIME}']")
    window.click("input[value=moderately_unsafe]")
    window.one("#rationale").send_keys("Breaking in.")
    window.click("#keep")
    window.until_text(".good", "Kept")
    assert item(window) != first
    window.click("#look-back")
    window.until_text("h1", "Your answer")
    assert item(window) == first
    assert "secret-guard" not in window.driver.page_source
    window.click("input[value=highly_unsafe]")
    window.click("#keep")
    window.until(lambda: item(window) != first, "the next item")
    window.click("#skip")
    window.until_text("h1", "Nothing for you now")
    assert said(shelf, "doubtful", "ada") == [
        {
            LabelField.rating: "Unsafe",
            LabelField.category: CRIME,
            LabelField.severity: "highly_unsafe",
            LabelField.rationale: "Breaking in.",
        }
    ]


def test_a_rating_and_a_severity_that_do_not_go_together_are_not_sent(window: Window, shelf: Shelf) -> None:
    scenes(shelf, "together", raters=1)
    agree(shelf, "ada")
    sign_in(window, "ada", "/review/queues/together/rate")
    window.press("h")
    assert window.one("input[value=Unsafe]").is_selected()
    window.press("s")
    assert not window.one("input[value=highly_unsafe]").is_selected()
    window.press("b")
    assert window.one("input[value=Safe]").is_selected()


def test_single_keys_can_be_switched_off_and_stay_so(window: Window, shelf: Shelf) -> None:
    scenes(shelf, "quiet", raters=1)
    agree(shelf, "ada")
    sign_in(window, "ada", "/review/queues/quiet/rate")
    window.click("#show-keys")
    window.click("#keys-on")
    window.press(ESCAPE)
    window.open("/review/queues/quiet/rate")
    before = item(window)
    window.press("u")
    assert window.all("input[name=rating]:checked") == []
    window.press("v", "n")
    assert item(window) == before
    assert not window.all("#seen")
    window.press("?")
    window.until(lambda: window.one("#keys").is_displayed(), "the list of keys")
    window.click("#keys-on")
    window.press(ESCAPE, "u")
    assert window.one("input[value=Unsafe]").is_selected()


def contested(shelf: Shelf, queue: str) -> str:
    """Have two raters differ; return the hash of the item."""
    claim = {"by": "mini", "category": CRIME, "rationale": "A person climbs out of a window with a bag."}
    scenes(shelf, queue, claim=CLAIM.model_copy(update=claim))
    agree(shelf, "ada", "bob", "olga")
    desk = ReviewDesk(shelf.store)
    (first, _) = [entry.image_sha256 for entry in shelf.store.items(queue)]
    said = Answer(rating=Rating.Unsafe, category=CRIME, rationale=REASON)
    for user, answer in (("ada", said), ("bob", Answer(rating=Rating.Safe, category=CRIME))):
        desk.take(queue, user)
        desk.answer(queue, first, user, answer)
    return first


def test_adjudicating_by_keys_alone(window: Window, shelf: Shelf) -> None:
    image = contested(shelf, "burglars")
    sign_in(window, "olga", "/review/queues/burglars")
    window.tab_to("a[href$='/adjudicate']")
    window.press(ENTER)
    window.until(lambda: window.all("#item"), "the item")
    assert "<b>with</b> a bag" in window.text(".answers")
    assert "A person climbs out of a window with a bag." in window.text()
    window.picture("page_review_adjudicate")
    window.press("v")
    window.until(lambda: window.all("#seen"), "the image without blur")
    window.press("j")
    assert window.one("input[value=Unsafe]").is_selected()
    assert window.one("#rationale").get_property("value") == REASON
    window.press("b", ENTER)
    window.until_text("h1", "Nothing for you now")
    assert shelf.store.item("burglars", image).state is State.settled
    decided = {e.field: e.new for e in shelf.store.events("burglars") if e.stage is Stage.adjudication}
    assert decided[LabelField.rating] == "Safe"
    assert decided[LabelField.rationale] == REASON


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_a_phone_and_names_all_its_parts(window: Window, shelf: Shelf, theme: str) -> None:
    contested(shelf, f"phone-{theme}")
    agree(shelf, "boss")
    window.prefer(theme)
    sign_in(window, "boss", "/review")
    window.resize(390, 844)
    base = f"/review/queues/phone-{theme}"
    for path in ("/review", "/review/settings", base, f"{base}/rate", f"{base}/adjudicate"):
        window.open(path)
        window.until(lambda: window.all("h1"), "the page")
        assert window.run("return document.documentElement.scrollWidth") <= 390, path
        assert window.run(UNNAMED) == [], path
        unnamed = "return [...document.querySelectorAll('img:not([alt])')].length"
        assert window.run(unnamed) == 0, path
