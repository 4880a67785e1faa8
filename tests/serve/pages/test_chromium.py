"""The pages in a browser: each page's main task by mouse and by keys, on a phone, in the dark, without a complaint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eyeward.policy import Policy
from eyeward.serve.keys import Keys
from eyeward.serve.pages.playground import drawn
from eyeward.serve.pages.site import PageOptions
from eyeward.serve.run import Files, ServeOptions, load_served, make_service
from tests.serve.listening import listening
from tests.serve.pages.chromium import NEEDED, WANTED, Window, chromium
from tests.serve.pages.test_runs import METRICS
from tests.serve.test_keys import entry, write
from tests.serve.world import service

pytestmark = NEEDED
ENTER, RIGHT = "\ue007", "\ue014"
CONTROL, DELETE = "\ue009", "\ue017"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def started(place: Path) -> Iterator[Window]:
    """Serve mini itself."""
    found = place / "runs" / "scenes"
    found.mkdir(parents=True)
    (found / "metrics.json").write_text(json.dumps(METRICS), encoding="utf-8")
    report = "<!doctype html><title>Report</title><p>Guards compared</p><script>document.title = 'ran'</script>"
    (found / "report.html").write_text(report, encoding="utf-8")
    if os.environ.get(WANTED):
        run = place / "runs" / "examples"
        for command in (["annotate", "examples/images", "--out", str(run)], ["audit", str(run)]):
            subprocess.run([sys.executable, "-m", "eyeward", *command], check=True)
    options = ServeOptions(policies=place / "policies", pages=PageOptions(runs=(place / "runs",)))
    of = make_service(options, Files.read(options), load_served(options))
    with listening(of, options.pages) as address, chromium(address, place) as window:
        yield window


@pytest.fixture
def window(started: Window) -> Iterator[Window]:
    """Start at a desk in the light, and have nothing to complain of in the end."""
    started.resize(1280, 900)
    started.prefer("light")
    started.open("/health")
    started.complaints()
    yield started
    assert started.complaints() == []


def ratings(window: Window) -> list[str]:
    """Return the ratings that are seen."""
    return [element.text for element in window.all("#results .rating")]


def judged(window: Window, *expected: str) -> None:
    window.until(lambda: ratings(window) == list(expected), f"the ratings {expected}")


def test_the_playground_by_mouse(window: Window) -> None:
    window.open("/")
    window.click("#scenes summary")
    window.click("[data-scene=fist_fight]")
    judged(window, "Unsafe")
    window.until_text("#status", "default: Unsafe, O2: Violence, Harm, or Cruelty")
    assert window.text("#results blockquote")
    assert len(window.all("#results details .bars li")) == 9
    window.resize(1280, 1200)
    window.run("scrollTo(0, 0)")
    window.picture("page_playground")
    window.click("fieldset:nth-of-type(2) input[value=non_violating]")
    judged(window, "Safe")
    assert "changed here" in window.text("#results h3")
    window.choose("#other", "default@1")
    judged(window, "Safe", "Unsafe")
    window.run("document.querySelector('#image-title').scrollIntoView()")
    window.picture("page_playground_two")
    window.click("#prompt summary")
    assert "[image]" in window.text("#prompt-text")
    assert Policy.load("default").category("O5").should_not[0] in window.text("#prompt-text")
    window.click("#undo")
    judged(window, "Unsafe", "Unsafe")


def test_the_playground_by_keys_alone(window: Window) -> None:
    window.open("/")
    window.tab_to(".skip")
    window.press(ENTER)
    window.tab_to("#scenes summary")
    window.press(ENTER)
    window.tab_to("[data-scene=burglar]")
    window.press(ENTER)
    judged(window, "Unsafe")
    window.tab_to("#judge")
    window.press(ENTER)
    judged(window, "Unsafe")
    window.tab_to("fieldset:nth-of-type(5) input")
    window.press(RIGHT, RIGHT)
    judged(window, "Safe")
    window.tab_to("fieldset:nth-of-type(5) summary")
    window.press(ENTER)
    window.tab_to("fieldset:nth-of-type(5) textarea")
    window.press("Show zeppelins.", ENTER)
    window.until_text("#cover", "cannot read all of O5")
    judged(window, "Review")
    assert "never met" in window.text("#cover")


def test_rules_are_edited_and_an_error_of_the_policy_takes_the_verdict_away(window: Window) -> None:
    window.open("/")
    window.until(lambda: window.all("fieldset.category"), "the categories")
    window.one("#file").send_keys(str(written(window, "cake")))
    judged(window, "Safe")
    window.click("fieldset:nth-of-type(1) summary")
    for number in (1, 2):
        window.click(f"fieldset:nth-of-type(1) textarea:nth-of-type({number})")
        window.chord(CONTROL, "a")
        window.press(DELETE)
    window.until_text("#policy-problem", "O1 has no rules")
    assert ratings(window) == []
    assert "Safe" not in window.text("#results") + window.text("#status")
    window.click("#undo")
    judged(window, "Safe")


def written(window: Window, name: str) -> Path:
    """Return a scene as a file."""
    folder = Path(window.driver.capabilities["chrome"]["userDataDir"]).parent
    file = folder / f"{name}.png"
    file.write_bytes(drawn(name))
    return file


def test_an_image_is_dropped_and_pasted(window: Window) -> None:
    give = """
        const [kind, target] = arguments;
        return fetch("/playground/scenes/caged_dog.png").then((r) => r.blob()).then((blob) => {
          const data = new DataTransfer();
          data.items.add(new File([blob], `${kind}.png`, { type: "image/png" }));
          const event = kind === "paste"
            ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
            : new DragEvent("drop", { dataTransfer: data, bubbles: true });
          document.querySelector(target).dispatchEvent(event);
        });
    """
    for kind in ("drop", "paste"):
        window.open("/")
        window.until(lambda: window.all("fieldset.category"), "the categories")
        window.run(give, kind, "#drop" if kind == "drop" else "body")
        window.until_text("#name", f"{kind}.png")
        judged(window, "Unsafe")


def test_what_cannot_be_judged_is_shown_as_an_error_and_the_verdict_before_is_gone(window: Window, place: Path) -> None:
    window.open("/")
    window.one("#file").send_keys(str(written(window, "cake")))
    judged(window, "Safe")
    broken = place / "<img src=x onerror=alert(1)>.png"
    broken.write_bytes(b"no image")
    window.one("#file").send_keys(str(broken))
    judged(window, "Not judged")
    assert "Safe" not in window.text("#results")
    assert window.text("#name") == broken.name
    assert window.all("#shown img[onerror]") == []


def test_when_the_service_does_not_answer_no_verdict_stays(window: Window) -> None:
    window.open("/")
    window.one("#file").send_keys(str(written(window, "cake")))
    judged(window, "Safe")
    window.driver.execute_cdp_cmd("Network.enable", {})
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    window.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **offline})
    try:
        window.click("#judge")
        window.until_text("#problem", "did not answer")
        assert ratings(window) == []
        assert window.text("#status") == "There is no verdict."
    finally:
        window.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **offline})
    window.complaints()


def test_a_policy_travels_in_a_link_and_reaches_nobody_but_its_reader(window: Window) -> None:
    window.open("/")
    window.until(lambda: window.all("fieldset.category"), "the categories")
    window.click("fieldset:nth-of-type(6) input[value=sensitive]")
    window.until(lambda: window.one("#undo").is_displayed(), "the change")
    window.click("#share")
    window.until(lambda: window.one("#link").get_property("value"), "the link")
    link = window.one("#link").get_property("value")
    head, _, fragment = link.partition("#")
    assert head == f"{window.address}/"
    assert fragment.startswith("policy=")
    assert len(link) < 4000
    window.open("/health")
    window.driver.get(link)
    window.until(lambda: window.all("fieldset.category"), "the categories")
    assert window.one("fieldset:nth-of-type(6) input[value=sensitive]").is_selected()
    window.one("#file").send_keys(str(written(window, "cake")))
    judged(window, "Safe")
    assert "changed here" in window.text("#results h3")
    window.open("/health")
    window.driver.get(link[:-9])
    window.until_text("#policy-problem", "damaged")


def test_a_policy_is_written_tested_and_changed_by_mouse(window: Window, place: Path) -> None:
    window.open("/policies")
    window.click("a[href='/policies/new']")
    text = Policy.load("default").renamed("mine").to_yaml()
    fill(window, text.replace("name: mine", "name: Mine"))
    window.until_text("#lint-status", "1 error.")
    window.click("#findings button")
    assert window.run("return document.activeElement.id") == "text"
    fill(window, text)
    window.until_text("#lint-status", "Nothing to mend.")
    window.click("#save")
    window.until_text("h1", "mine, version 1")
    for scene, rating in (("burglar", "Unsafe"), ("cake", "Safe")):
        window.until(lambda: window.all("#add-case"), "the form")
        window.one("#case-image").send_keys(str(written(window, scene)))
        window.choose("#case-rating", rating)
        window.click("#add-case button")
        window.until_text("main", f"{scene}.png")
    window.until_text("#tally", "2 of 2 as expected, by mini")
    window.click("a.main[href$='/edit']")
    fill(window, Policy.load("default").renamed("mine").non_violating("O5").to_yaml())
    window.click("#try")
    window.until_text("#try-status", "1 of 2 as expected.")
    window.until_text("#try-result", "Not as expected: burglar.png")
    window.picture("page_policy_editor")
    window.click("#save")
    window.until_text("h1", "mine, version 2")
    assert "1 of 2 as expected" in window.text("#tally")
    window.choose("#against", "1")
    window.click(".versions button")
    window.until_text("#diff", "stance: enforced -> non_violating")
    window.picture("page_policy")


def fill(window: Window, text: str) -> None:
    """Put a text into the editor as pasting does."""
    area = window.one("#text")
    area.clear()
    window.run(
        "const [area, text] = arguments; area.focus(); area.setRangeText(text, 0, area.value.length, 'end');"
        "area.dispatchEvent(new InputEvent('input', { bubbles: true }));",
        area,
        text,
    )


def test_a_policy_is_written_by_keys_alone(window: Window) -> None:
    window.open("/policies")
    window.tab_to("a[href='/policies/new']")
    window.press(ENTER)
    window.until(lambda: window.all("#text"), "the editor")
    window.until_text("#lint-status", "Nothing to mend.")
    window.tab_to("#text")
    window.chord(CONTROL, "a")
    window.press("name: typed\ncategories:\n- {id: O1, name: Cruelty, should_not: [Show cruelty.]}\n")
    window.until(lambda: "typed" in window.one("#text").get_property("value"), "the typing")
    window.until_text("#cover", "read all of")
    window.tab_to("#save")
    window.press(ENTER)
    window.until_text("h1", "typed, version 1")
    window.tab_to("a.main[href$='/edit']")
    window.press(ENTER)
    window.until(lambda: window.all("#editor"), "the editor")
    window.tab_to("a.button[href='/policies/named/typed']")
    window.press(ENTER)
    window.until_text("h1", "typed, version 1")


def test_a_policy_goes_from_the_playground_into_the_editor(window: Window) -> None:
    window.open("/")
    window.until(lambda: window.all("fieldset.category"), "the categories")
    window.click("fieldset:nth-of-type(3) input[value=non_violating]")
    window.until(lambda: window.one("#undo").is_displayed(), "the change")
    window.click("#write")
    window.until_text("#lint-status", "Nothing to mend.")
    text = window.one("#text").get_property("value")
    assert Policy.from_text(text).hash == Policy.load("default").non_violating("O3").hash
    fill(window, "")
    window.one("#editor").submit()


def test_runs_by_mouse_and_by_keys_with_a_report_that_runs_nothing(window: Window) -> None:
    if os.environ.get(WANTED):
        window.open("/runs/run/1/examples")
        window.picture("page_runs")
    window.open("/runs")
    assert "scenes" in window.text("table")
    window.click("a[href='/runs/run/1/scenes']")
    window.until_text("h1", "scenes")
    assert "0.912" in window.text()
    window.tab_to("a.main")
    window.press(ENTER)
    window.until_text("body", "Guards compared")
    assert window.driver.title == "Report", "the script of the report did not run"
    complaints = window.complaints()
    assert complaints == [] or all("script" in complaint for complaint in complaints)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_a_phone_in_the_light_and_in_the_dark(window: Window, theme: str) -> None:
    window.prefer(theme)
    window.resize(390, 844)
    for path in ("/", "/policies", "/policies/named/default", "/policies/new", "/runs", "/runs/run/1/scenes", "/docs"):
        window.open(path)
        window.until(lambda: window.all("h1"), "the page")
        assert window.run("return document.documentElement.scrollWidth") <= 390, path
        background = window.run("return getComputedStyle(document.body).backgroundColor")
        levels = [int(level) for level in background.removeprefix("rgb(").removesuffix(")").split(",")]
        assert (min(levels) > 200) if theme == "light" else (max(levels) < 60), background
        assert window.run(UNNAMED) == [], path
    if theme == "dark":
        window.open("/")
        window.click("#scenes summary")
        window.click("[data-scene=cannabis]")
        judged(window, "Unsafe")
        window.run("document.querySelector('#shown').scrollIntoView()")
        window.picture("page_playground_phone")


UNNAMED = """
    const named = (e) => e.ariaLabel || e.labels?.length || e.getAttribute("aria-labelledby") || e.textContent.trim();
    return [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href]")]
      .filter((e) => !named(e)).map((e) => e.outerHTML);
"""
"""Finds what a screen reader could not name."""


def test_the_theme_is_switched_and_stays(window: Window) -> None:
    window.open("/policies")
    window.click("#theme")
    assert window.run("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    window.open("/runs")
    assert window.run("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    window.run("localStorage.clear()")


def test_signing_in_and_out_by_keys(place: Path, tmp_path: Path) -> None:
    keys = write(tmp_path / "keys.yaml", entry("owner", "ew_owner", roles=["policy_owner"]))
    with listening(service(keys=Keys(keys)), PageOptions()) as address, chromium(address, tmp_path) as window:
        window.open("/policies/named/news")
        window.until_text("h1", "Sign in")
        assert window.run("return document.activeElement.id") == "key"
        window.press("ew_wrong", ENTER)
        window.until_text("#problem", "Nobody has this key")
        window.press("ew_owner", ENTER)
        window.until_text("h1", "news")
        assert window.run("return document.cookie") == ""
        assert [tab.text for tab in window.all(".bar nav a")] == ["Policies", "Runs"]
        window.tab_to(".bar form button")
        window.press(ENTER)
        window.until_text("h1", "Sign in")
        window.open("/policies")
        window.until_text("h1", "Sign in")
