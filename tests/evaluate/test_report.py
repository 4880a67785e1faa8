"""The report: whole, self-contained, and safe to open whatever a model or a file name says."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyeward.errors import ErrorType
from eyeward.evaluate.covered import GuardCoverage, PolicyCoverage
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.report import write_report
from eyeward.evaluate.report.drawing import Bar, Line, bars, unit_square
from eyeward.evaluate.report.gallery import MOST_SHOWN, data_uri
from eyeward.evaluate.report.markup import text
from eyeward.evaluate.report.write import report
from eyeward.evaluate.summary import summarise
from tests.evaluate.hand_made import EXEMPT, NUDITY, POLICY, REVIEW, SAFE, UNSAFE, outcome, said

ATTACK = "</p><script>alert(1)</script><img src=x onerror='alert(2)'>\"'&\u202e\x1b[31m"
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section", "div", "article", "figure", "figcaption"),
    *("h1", "h2", "h3", "p", "b", "i", "small", "span", "ul", "li", "img", "table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "g", "line", "rect", "circle", "polyline", "text"),
}


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes something else"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def pictures(self) -> list[Image.Image]:
        sources = [value for name, value in self.attributes if name == "src"]
        return [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) for source in sources]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def outcomes(guard: str = "hand") -> list[Outcome]:
    return [
        outcome(UNSAFE, said(SAFE, 0.2, rationale=ATTACK), "a.png", severity="highly_unsafe", guard=guard, number=0),
        outcome(SAFE, said(UNSAFE, 0.9), "b.png", changes=EXEMPT, unchanged=UNSAFE, guard=guard, number=1),
        outcome(UNSAFE, said(UNSAFE, 0.8, NUDITY), "c.png", category=NUDITY, guard=guard, number=2),
        outcome(SAFE, said(SAFE, 0.1), "d.png", guard=guard, number=3),
        outcome(SAFE, said(REVIEW, 0.5), "e.png", guard=guard, number=4),
        outcome(UNSAFE, said(ErrorType.unparsable_answer), ATTACK, guard=guard, number=5),
    ]


def page(images: Path, by_guard: Mapping[str, Sequence[Outcome]] | None = None, originals: bool = False) -> str:
    asked = by_guard or {ATTACK: outcomes(ATTACK)}
    metrics = summarise(asked, {POLICY.hash: POLICY}, ATTACK, resamples=100)
    return report(metrics, asked, images, originals)


def test_nothing_that_comes_from_outside_becomes_markup(images: Path) -> None:
    found = Page(page(images))
    assert set(found.tags) <= TAGS and found.open == []
    assert [name for name, _ in found.attributes if name.startswith("on") or name in ("href", "srcset")] == []
    assert all(value.startswith("data:image/jpeg;base64,") for name, value in found.attributes if name == "src")
    assert any("<script>alert(1)</script>" in words for words in found.words)  # shown as the text that it is
    assert not any(character in "".join(found.words) for character in "\u202e\x1b")


def test_the_page_loads_nothing_and_forbids_itself_to(images: Path) -> None:
    html = page(images)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert not re.search(r"https?://|url\(|@import|<link|<script", html)


def test_the_page_is_made_for_phones_and_for_the_dark(images: Path) -> None:
    html = page(images)
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in html
    assert "@media (prefers-color-scheme: dark)" in html


def test_pictures_are_reduced_to_a_few_pixels_unless_originals_are_wanted(images: Path) -> None:
    blurred = Page(page(images)).pictures
    assert len(blurred) == 2  # the two wrong answers whose files are there
    assert {picture.size for picture in blurred} == {(16, 12)}
    assert {picture.size for picture in Page(page(images, originals=True)).pictures} == {(400, 300)}


def test_a_large_original_is_made_fit_for_a_screen_and_loses_its_metadata() -> None:
    picture = Image.new("RGB", (2000, 1000))
    picture.info["comment"] = b"taken at home"
    shown = Image.open(io.BytesIO(base64.b64decode(data_uri(picture, original=True).partition(",")[2])))
    assert shown.size == (800, 400)
    assert "comment" not in shown.info and not shown.getexif()


def test_what_matched_a_hash_list_is_never_shown(images: Path) -> None:
    rows = outcomes()
    matched = rows[0].verdict.model_copy(update={"notes": ("hash_match",)})
    rows[0] = rows[0].model_copy(update={"verdict": matched})
    found = Page(page(images, {"hand": rows}, originals=True))
    assert len(found.pictures) == 1 and "Not shown." in found.words


def test_wrong_answers_come_with_what_was_right_and_what_was_said(images: Path) -> None:
    words = "".join(Page(page(images, {"hand": outcomes()})).words)
    assert "4 wrong of 6, missed ones first." in words
    assert "Unsafe is right; said Safe, p_unsafe 0.200" in words
    assert "Policy: stance changed (O6, non_violating)" in words
    assert "unparsable_answer: It went wrong." in words and "Review: band" in words
    assert "No picture: it cannot be read." in words
    assert words.index("said Safe, p_unsafe 0.200") < words.index("said Unsafe, p_unsafe 0.900")


def test_many_wrong_answers_are_counted_and_some_are_shown(images: Path) -> None:
    rows = [outcome(UNSAFE, said(SAFE), f"{number}.png", number=number) for number in range(40)]
    found = Page(page(images, {"hand": rows}))
    assert found.tags.count("article") == MOST_SHOWN
    assert f"40 wrong of 40; {MOST_SHOWN} shown, missed ones first." in found.words


def test_no_number_is_shown_that_is_not_one(images: Path) -> None:
    only_safe = {"hand": [outcome(SAFE, said(SAFE), f"{number}.png") for number in range(3)]}
    words = Page(page(images, only_safe)).words
    assert not [word for word in words if re.search(r"\b(nan|inf|None)\b", word)]
    assert "No wrong answers." in words and "No guard gives probabilities for both kinds of images." in words


def test_several_guards_share_tables_and_are_compared(images: Path) -> None:
    words = Page(page(images, {"first": outcomes("first"), "second": outcomes("second")})).words
    assert "Guards compared: first, second" in words and "first minus second" in words
    assert words.count("always Unsafe") >= 2  # beside the metrics, and beside those of every category


def test_where_nothing_can_be_said_of_a_difference_the_page_does_not_say_no(images: Path) -> None:
    """Always right beside always Safe: balanced accuracy differs by the same in every resample."""
    truths = [UNSAFE, SAFE] * 20
    asked = {
        name: [outcome(t, said(t if knows else SAFE), f"{n}.png", guard=name, number=n) for n, t in enumerate(truths)]
        for name, knows in (("right", True), ("silent", False))
    }
    words = [word.strip() for word in Page(page(images, asked)).words if word.strip()]
    there = words[words.index("right minus silent") :]
    assert there[there.index("balanced accuracy") :][1:4] == ["+0.500", "–", "–"]
    assert [there[there.index(name) :][3] for name in ("recall", "specificity")] == ["yes", "no"]


def test_numbers_on_what_a_guard_covers_stand_beside_those_on_everything(images: Path) -> None:
    rows = {"hand": outcomes(), "whole": outcomes("whole"), "old": outcomes("old")}
    sees = PolicyCoverage(covered=("O4",), not_covered=("O6",))
    coverage = {
        "hand": GuardCoverage(policies={POLICY.hash: sees}),
        "whole": GuardCoverage(policies={POLICY.hash: PolicyCoverage(covered=POLICY.ids)}),
    }
    words = Page(report(summarise(rows, {}, "d", 100, coverage), rows, images)).words
    part = words[words.index("On what a guard covers") : words.index("Answers")]
    assert "4 of 6 questions; left out, by right category: O6 2. 1 x Unsafe for a" in "".join(part)
    assert "It covers all 6 questions." in part
    assert "What it covers was not recorded; name it with --model once more." in part
    assert part.count("always Unsafe") == 1  # the one guard that does not cover all


def test_the_file_stands_in_the_folder_of_the_run(images: Path, tmp_path: Path) -> None:
    rows = {"hand": outcomes()}
    write_report(tmp_path, summarise(rows, {}, "d", resamples=100), rows, images)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>") and html.endswith("</html>\n")


def test_text_that_cannot_be_seen_is_shown_as_a_box() -> None:
    assert text("a\u200bb\x00c\nd") == "a\ufffdb\ufffdc\nd"


def coordinates(svg: str) -> list[tuple[float, float]]:
    pairs = re.findall(r"([\d.]+),([\d.]+)", " ".join(re.findall(r'points="([^"]*)"', svg)))
    return [(float(x), float(y)) for x, y in pairs]


def test_lines_stay_inside_of_their_chart_and_keep_their_ends() -> None:
    many = np.linspace(0, 1, 5001)
    svg = unit_square("t", "x", "y", [Line(many, many**2, 0)])
    found = coordinates(svg)
    assert found[-1] == (294.0, 8.0)  # the upper right corner
    assert len(found) < 600
    assert min(y for _, y in found) >= 8 and max(x for x, _ in found) <= 294


def test_a_bar_is_as_long_as_its_value_and_one_without_a_value_is_a_gap() -> None:
    svg = bars("t", [("O6", [Bar(0.5, 0.25, 0.75, "half"), Bar(None, None, None, "none")])])
    assert 'width="230.0"' in svg
    assert 'x1="189.0" x2="419.0"' in svg
    assert svg.count("<rect") == 1
