"""The table of verdicts, and what of foreign text reaches a terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eyeward.cli.screen import one_line, printable_json, visible
from eyeward.cli.verdict_table import VerdictTable, path_width
from eyeward.policy import Policy
from eyeward.verdict import ErrorType, Failure, ModelRef, Rating, Review, ReviewReason, Status, Verdict

POLICY = Policy.load("default").ref
MODEL = ModelRef(name="fake", engine="fake")
HOSTILE = "[red]a[/red] \x1b[31m\x1b]0;title\x07\x9b2J\u202eb\x00\r\nc\u2028d"


def verdict(
    image: str = "a.png",
    rating: Rating = Rating.Unsafe,
    p_unsafe: float | None = 0.9,
    rationale: str | None = None,
    review: Review | None = None,
    notes: tuple[str, ...] = (),
) -> Verdict:
    return Verdict(
        image=image,
        status=Status.ok,
        rating=rating,
        category="O6: Weapons or Substance Abuse",
        rationale=rationale,
        p_unsafe=p_unsafe,
        review=review,
        notes=notes,
        policy=POLICY,
        model=MODEL,
    )


def shown(*verdicts: Verdict, width: int = 100, encoding: str = "utf-8", colours: bool = False) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="")
    console = Console(
        file=stream,
        width=width,
        force_terminal=colours,
        color_system="standard" if colours else None,
        markup=False,
        highlight=False,
        legacy_windows=False,
    )
    table = VerdictTable(console, max(path_width(verdict.image or "") for verdict in verdicts))
    for each in verdicts:
        table.add(each)
    stream.flush()
    stream.seek(0)
    return stream.read()


def test_a_row_has_image_rating_bar_category_and_reason() -> None:
    heading, first, second = (
        line.rstrip() for line in shown(verdict(rationale="A pistol.", p_unsafe=0.5)).splitlines()
    )
    assert heading == "image  rating  p unsafe       category and reason"
    assert first == "a.png  Unsafe  ████     0.50  O6: Weapons or Substance Abuse"
    assert second.strip() == "A pistol."


@pytest.mark.parametrize(("p_unsafe", "bar"), [(0.0, ""), (0.01, "▏"), (0.55, "████▍"), (1.0, "████████")])
def test_the_bar_is_as_long_as_the_probability(p_unsafe: float, bar: str) -> None:
    row = shown(verdict(rating=Rating.Safe, p_unsafe=p_unsafe)).splitlines()[1]
    assert f"Safe    {bar:<8} {p_unsafe:.2f}" in row


def test_a_bar_needs_no_letters_that_the_output_does_not_have() -> None:
    assert "####     0.50" in shown(verdict(p_unsafe=0.5), encoding="ascii")


@pytest.mark.parametrize(
    ("rating", "code"), [(Rating.Safe, "32"), (Rating.Unsafe, "31"), (Rating.Review, "33"), (None, "35")]
)
def test_each_rating_has_its_colour(rating: Rating | None, code: str) -> None:
    failure = Failure(type=ErrorType.truncated, message="a.png ends early.")
    failed = Verdict.failed(failure, image="a.png", policy=POLICY, model=MODEL)
    review = Review(reason=ReviewReason.band, band=(0.4, 0.9)) if rating is Rating.Review else None
    row = shown(failed if rating is None else verdict(rating=rating, review=review), colours=True)
    assert f"\x1b[{code}m{rating or 'error':<6}\x1b[0m" in row


def test_a_failure_shows_its_type_and_sentence_and_no_probability() -> None:
    failure = Failure(type=ErrorType.truncated, message="a.png ends early.")
    row = shown(Verdict.failed(failure, image="a.png", policy=POLICY, model=MODEL)).splitlines()[1]
    assert row.split() == ["a.png", "error", "-", "truncated:", "a.png", "ends", "early."]


@pytest.mark.parametrize(
    ("review", "reason"),
    [
        (Review(reason=ReviewReason.band, band=(0.4, 0.6)), "p unsafe lies in the band 0.4 to 0.6"),
        (Review(reason=ReviewReason.frames), "not all frames were judged"),
        (Review(reason=ReviewReason.out_of_scope, scope_distance=7.25), "(distance 7.25)"),
        (Review(reason=ReviewReason.out_of_scope), "the policy holds words"),
    ],
)
def test_a_review_says_why(review: Review, reason: str) -> None:
    assert reason in " ".join(shown(verdict(rating=Rating.Review, review=review), width=200).split())


@pytest.mark.parametrize("width", [30, 50, 71, 72, 80, 200])
def test_every_width_shows_everything_and_no_line_is_longer(width: int) -> None:
    image = "a/rather/long/path/to/a/picture_with_a_long_name_that_has_no_blank_in_it.png"
    text = shown(verdict(image, rationale="Words " * 30 + "end.", notes=("exif_rotated",)), width=width)
    assert all(len(line) <= width for line in text.splitlines())
    squeezed = "".join(text.split())
    assert "end." in squeezed and "(exif_rotated)" in squeezed
    if width < 72:  # in lines: nothing stands between the parts of a folded path
        assert image in squeezed


def test_a_path_too_long_for_its_column_breaks_before_the_name() -> None:
    rows = shown(verdict("pictures/of/the/first/day/pistol.png"), width=80).splitlines()
    assert [row.split("  ")[0].rstrip() for row in rows[1:]] == ["pictures/of/the/first/day/", "pistol.png"]


@pytest.mark.parametrize("width", [40, 300])
def test_foreign_text_cannot_command_the_terminal(width: int) -> None:
    text = shown(verdict(HOSTILE, rationale=HOSTILE, notes=(HOSTILE,)), width=width)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "[red]" in text
    assert "".join(text.split()).count(r"\x1b]0;title\x07\x9b2J\u202eb\x00") == 3


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_printable_json_says_the_same_in_printable_characters(text: str) -> None:
    for encoding in ("utf-8", "ascii"):
        line = printable_json(json.dumps({"rationale": text}, ensure_ascii=False), encoding)
        assert json.loads(line) == {"rationale": text}
        assert line.isprintable()
        line.encode(encoding)


@pytest.mark.parametrize("escape", [visible, one_line])
@given(text=st.text())
def test_escaped_text_is_printable(escape: Callable[[str], str], text: str) -> None:
    assert escape(text).isprintable()


def test_escaping_leaves_readable_text_alone() -> None:
    assert visible("Straße  日本 é.png") == "Straße  日本 é.png"
    assert one_line("a\n b\tc") == "a b c"
