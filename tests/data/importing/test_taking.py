from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyeward.data.folder import SampleFolder
from eyeward.data.importing.row import Discard, Row, Unread, Url
from eyeward.data.importing.taking import Taking
from eyeward.data.report import ImportReport
from eyeward.data.sample import Sample, Severity
from eyeward.errors import UsageError
from eyeward.images import sha256_of_bytes
from eyeward.images.fetch import Fetched, Fetcher, FetchRules
from eyeward.policy import Policy
from eyeward.verdict import NA, ErrorType, Failure, Rating
from tests.data.drawn import encoded, picture, write_picture
from tests.data.importing.imports import imported, write_jsonl

WEAPONS = "O6: Weapons or Substance Abuse"


def take(tmp_path: Path, *rows: Row | Unread, fetcher: Fetcher | None = None) -> tuple[ImportReport, list[Sample]]:
    report = Taking(tmp_path / "out", fetcher=fetcher).take(iter(rows))
    return report, list(SampleFolder(tmp_path / "out"))


def row(number: int, seed: int | None = None, /, **fields: str) -> Row:
    label = {"rating": "Unsafe", "category": "O6", "severity": "Highly Unsafe", **fields}
    return Row(f"row {number}", encoded(picture(number if seed is None else seed)), **label)  # type: ignore[arg-type]


def test_an_image_is_kept_byte_by_byte_under_its_sha256(tmp_path: Path) -> None:
    report, (sample,) = take(tmp_path, row(1))
    data = encoded(picture(1))
    assert (tmp_path / "out" / sample.image).read_bytes() == data
    assert sample.image == f"images/{sha256_of_bytes(data)[:2]}/{sha256_of_bytes(data)}.png"
    assert (sample.rating, sample.category) == (Rating.Unsafe, WEAPONS)
    assert sample.severity is Severity.HIGHLY_UNSAFE
    assert sample.policy is None
    assert (report.rows, report.taken) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"rating": "Perhaps"}, "unknown_rating"),
        ({"rating": "Review"}, "unknown_rating"),
        ({"category": "O17"}, "unknown_category"),
        ({"category": "Cooking"}, "unknown_category"),
        ({"category": "O6: Cooking"}, "policy_does_not_fit"),
        ({"category": "NA"}, "unsafe_without_category"),
        ({"severity": "Barely Safe"}, "severity_against_rating"),
        ({"severity": "Very Unsafe"}, "unknown_severity"),
        ({"split": "holdout"}, "unknown_split"),
        ({"category": ""}, "unknown_category"),
    ],
)
def test_a_label_that_says_nothing_or_contradicts_itself_is_discarded_by_name(
    tmp_path: Path, fields: dict[str, str], reason: str
) -> None:
    report, samples = take(tmp_path, row(1, **fields), row(2))
    assert [sample.category for sample in samples] == [WEAPONS]
    assert [(item.reason, item.rows) for item in report.discarded] == [(reason, 1)]
    assert report.discarded[0].examples[0].startswith("row 1")


@pytest.mark.parametrize("word", ["O6", "o6", WEAPONS, "weapons or substance abuse", "O6:weapons OR substance-abuse"])
def test_a_category_is_known_by_its_id_its_name_or_both(tmp_path: Path, word: str) -> None:
    assert take(tmp_path, row(1, category=word))[1][0].category == WEAPONS


@pytest.mark.parametrize("word", ["NA", "N/A", "none", "NA: None applying", "None applying"])
def test_no_category_has_several_names(tmp_path: Path, word: str) -> None:
    fields = {"rating": "Safe", "severity": "Generally Safe", "category": word}
    assert take(tmp_path, row(1, **fields))[1][0].category == NA


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable"),
        (b"<svg/>", "unsupported_format"),
        (encoded(picture(1))[:-200], "truncated"),
        (Path("nowhere.png"), "not_found"),
        (Url("https://example.org/a.png"), "fetch_refused"),
    ],
)
def test_an_image_that_cannot_be_had_is_named(tmp_path: Path, data: Path | bytes | Url, reason: str) -> None:
    report, samples = take(tmp_path, Row("row 1", data, rating="Safe", category="NA"))
    assert samples == []
    assert [item.reason for item in report.discarded] == [reason]


def test_dead_links_are_counted_beside_those_that_live(tmp_path: Path) -> None:
    class Some(Fetcher):
        def fetch_now(self, url: str) -> Fetched | Failure:
            if "dead" in url:
                return Failure(type=ErrorType.fetch_failed, message=f"{url} answers with status 404.")
            return Fetched(encoded(picture(int(url[-1]))), url)

    links = [Url(f"https://a.org/{'dead' if number % 3 == 0 else 'live'}{number}") for number in range(10)]
    rows = [Row(f"row {n}", link, rating="Safe", category="NA", group=f"{n}") for n, link in enumerate(links)]
    report, samples = take(tmp_path, *rows, fetcher=Some(FetchRules()))
    assert [sample.group for sample in samples] == ["1", "2", "4", "5", "7", "8"]
    assert [(item.reason, item.rows) for item in report.discarded] == [("fetch_failed", 4)]
    assert "dead0 answers with status 404" in report.discarded[0].examples[0]


def test_two_labels_for_one_image_discard_both_and_the_same_label_again_only_the_second(tmp_path: Path) -> None:
    rows = [
        row(1, 1),
        row(2, 2),
        row(3, 1, rating="Safe", severity="Barely Safe"),
        row(4, 2),
        row(5, 5),
    ]
    report, samples = take(tmp_path, *rows)
    assert len(samples) == 2
    assert {item.reason: item.rows for item in report.discarded} == {"two_labels": 2, "same_label_again": 1}
    assert [example[:5] for example in report.discarded[0].examples] == ["row 1", "row 3"]


def test_one_image_may_have_another_label_under_another_policy(tmp_path: Path) -> None:
    exempt = Policy.load("default").non_violating("O6")
    data = encoded(picture(1))
    rows = [
        Row("row 1", data, rating="Unsafe", category="O6"),
        Row("row 2", data, rating="Safe", category="O6", severity="Highly Unsafe", policy=exempt),
    ]
    report, samples = take(tmp_path, *rows)
    assert report.taken == 2
    assert [sample.augmented for sample in samples] == [False, True]
    assert samples[1].changes[0].model_dump() == {"kind": "stance_changed", "category": "O6", "to": "non_violating"}
    assert samples[0].group == samples[1].group


def test_a_severity_alone_is_a_rating_and_no_label_at_all_is_none(tmp_path: Path) -> None:
    data = encoded(picture(1))
    rows = [
        Row("row 1", data, severity="Highly Unsafe", category="O6"),
        Row("row 2", data, category="O6"),
        Row("row 3", data, rating="Safe"),
    ]
    report, samples = take(tmp_path, *rows)
    assert [sample.rating for sample in samples] == [Rating.Unsafe]
    assert {item.reason for item in report.discarded} == {"no_label", "no_category"}


def test_what_was_discarded_is_kept_with_its_row(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    rows: list[dict[str, object]] = [
        {"image": "a.png", "rating": "Unsafe", "category": "NA", "note": "ä"},
        {"image": "gone.png", "rating": "Safe", "category": "NA"},
    ]
    done = imported(write_jsonl(tmp_path / "rows.jsonl", rows), tmp_path / "out")
    assert [line["row"] for line in done.set_aside] == rows
    assert [line["reason"] for line in done.set_aside] == ["unsafe_without_category", "not_found"]


def test_nothing_is_imported_over_something(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").touch()
    with pytest.raises(UsageError, match="not empty"):
        Taking(tmp_path / "out")


RATINGS = st.sampled_from(["Safe", "Unsafe", "Review Needed", "?", ""])
ROWS = st.lists(
    st.one_of(
        st.builds(
            lambda seed, rating, category: Row("r", encoded(picture(seed, 16)), rating=rating, category=category),
            st.integers(0, 4),
            RATINGS,
            st.sampled_from(["O1", "O6", "NA", "O99", None]),
        ),
        st.just(Row("r", b"no image", rating="Safe", category="NA")),
        st.builds(lambda rows: Unread("r", Discard.broken_file, "broken", rows=rows), st.integers(0, 5)),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_no_row_is_lost_and_no_image_has_two_labels(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row | Unread]
) -> None:
    report, samples = take(tmp_path_factory.mktemp("any"), *rows)
    assert report.rows == sum(item.rows if isinstance(item, Unread) else 1 for item in rows)
    assert report.rows == report.taken + report.discarded_rows
    assert len({sample.image for sample in samples}) == len(samples) == report.taken


def test_rows_keep_their_order_while_images_are_fetched_side_by_side(tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        for number in range(40):
            yield Row(f"row {number}", encoded(picture(number, 24)), rating="Safe", category="NA", group=f"{number}")

    _, samples = take(tmp_path, *rows())
    assert [sample.group for sample in samples] == [str(number) for number in range(40)]
