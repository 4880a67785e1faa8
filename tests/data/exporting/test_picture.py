from __future__ import annotations

import xml.etree.ElementTree as xml
from pathlib import Path

from eyeward.data.exporting.picture import category_picture
from eyeward.data.sample import Sample
from eyeward.data.statistics import statistics
from eyeward.publish.contents import DATA_KINDS, content_refusals
from eyeward.publish.leaving import files_of
from eyeward.verdict import NA, Rating

SVG = "{http://www.w3.org/2000/svg}"


def sample(category: str, severity: str | None, rating: Rating) -> Sample:
    return Sample.model_validate(
        {"image": "a.png", "group": "g", "category": category, "severity": severity, "rating": rating}
    )


def words(drawn: str) -> list[str]:
    return [element.text or "" for element in xml.fromstring(drawn).iter(f"{SVG}text")]


def test_every_cell_has_its_number_and_every_row_its_sum() -> None:
    weapons = "O6: Weapons or Substance Abuse"
    samples = [sample(weapons, "highly_unsafe", Rating.Unsafe)] * 1200 + [sample(NA, "generally_safe", Rating.Safe)] * 3
    drawn = words(category_picture(statistics(samples)))
    assert drawn == [
        *("highly unsafe", "generally safe", "all"),
        *(weapons, "1,200", "–", "1,200"),
        *(NA, "–", "3", "3"),
    ]


def test_a_fuller_cell_is_stronger_but_never_so_that_its_number_cannot_be_read() -> None:
    samples = [sample("O1: A", "highly_unsafe", Rating.Unsafe)] * 100 + [
        sample("O2: B", "highly_unsafe", Rating.Unsafe)
    ]
    cells = [
        float(element.attrib["fill-opacity"])
        for element in xml.fromstring(category_picture(statistics(samples))).iter(f"{SVG}rect")
        if element.get("class") == "cell"
    ]
    full, empty = cells
    assert 0 < empty < full <= 0.5


def test_samples_without_severity_are_drawn_by_their_ratings() -> None:
    assert words(category_picture(statistics([sample(NA, None, Rating.Safe)])))[:2] == ["Safe", "all"]


def test_it_has_a_ground_of_its_own_and_colours_for_dark_pages() -> None:
    drawn = category_picture(statistics([sample(NA, None, Rating.Safe)]))
    root = xml.fromstring(drawn)
    ground = next(root.iter(f"{SVG}rect"))
    assert (ground.get("width"), ground.get("height")) == (root.get("width"), root.get("height"))
    assert "prefers-color-scheme: dark" in drawn
    assert root.find(f"{SVG}title") is not None


def test_names_of_others_are_text_and_nothing_else_and_it_may_be_published(tmp_path: Path) -> None:
    odd = 'X1: </text><script>alert("1")</script>\x1b & ' + "very " * 30
    drawn = category_picture(statistics([sample(odd, None, Rating.Unsafe)]))
    (label,) = [word for word in words(drawn) if word.startswith("X1")]
    assert label.startswith("X1: </text><script>")
    assert label.endswith("…")
    assert "\x1b" not in drawn
    (tmp_path / "categories.svg").write_text(drawn, encoding="utf-8")
    assert list(content_refusals(tmp_path, files_of(tmp_path)[0], DATA_KINDS)) == []


def test_nothing_but_augmented_samples_is_an_empty_table() -> None:
    assert words(category_picture(statistics([]))) == ["all"]
