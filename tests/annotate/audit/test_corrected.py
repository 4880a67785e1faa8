"""Labels say what is really there, beside what the raw count would have claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.annotate.audit.corrected import NO_CATEGORY, Corrected, correct
from eyeward.annotate.audit.counting import Audit, audit
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.audit.sample import draw_sample, write_sample
from eyeward.annotate.run import annotate
from eyeward.errors import UsageError
from eyeward.images import sha256_of_bytes
from eyeward.images.known import KnownHashes
from tests.annotate.audit.labelling import Line, fill_in
from tests.annotate.world import DEFAULT, png, rows, tar
from tests.evaluate.worlds import HATE, guard

LEVELS = [number % 200 for number in range(600)]
"""Those from 128 on are flagged: 36 %. Those from 190 on are really unsafe: 5 %."""
WEAPONS = DEFAULT.category("O6").label


def truth(line: Line) -> tuple[str, str]:
    """Label by the level, which is the beginning of the key."""
    level = int(line["key"].split("-")[0])
    return ("Unsafe", "O1" if level % 2 else "O6") if level >= 190 else ("Safe", "")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    members = [(f"{level}-{number}.png", png(level)) for number, level in enumerate(LEVELS)]
    annotate(tar(tmp_path / "a.tar", members), tmp_path / "run", guard())
    return tmp_path / "run"


def labelled(run: Path, count: int = 150, seed: int = 0) -> Path:
    file = run.parent / f"sample-{count}-{seed}.csv"
    write_sample(file, *draw_sample(run, count, seed=seed))
    return fill_in(file, truth)


def test_the_corrected_share_is_right_and_the_raw_count_is_not(run: Path) -> None:
    found = correct(run, labelled(run))
    assert (found.images, found.labelled, found.unknown, found.missing, found.refused) == (600, 150, 0, 0, ())
    for estimate in (found.prediction_powered, found.rogan_gladen):
        assert estimate.low <= 0.05 <= estimate.high
        assert estimate.high - estimate.low < 0.12
    assert found.claimed.share == pytest.approx(0.36)
    assert found.claimed.error == pytest.approx(0.36 - found.prediction_powered.share)
    assert found.claimed.error_low <= 0.31 <= found.claimed.error_high
    assert found.rogan_gladen.recall == 1.0
    assert found.rogan_gladen.specificity == pytest.approx(384 / 570, abs=0.05)


def test_estimates_are_right_on_average_over_many_samples(run: Path) -> None:
    found = [correct(run, labelled(run, 100, seed)) for seed in range(25)]
    assert sum(one.prediction_powered.share for one in found) / 25 == pytest.approx(0.05, abs=0.01)
    assert sum(one.by_category[HATE].prediction_powered.share for one in found) / 25 == pytest.approx(0.025, abs=0.008)
    assert sum(one.prediction_powered.low <= 0.05 <= one.prediction_powered.high for one in found) >= 21


def test_categories_are_those_of_the_labels_and_stand_beside_those_of_the_guard(run: Path) -> None:
    found = correct(run, labelled(run))
    assert list(found.by_category) == [HATE, WEAPONS]
    hate, weapons = found.by_category[HATE], found.by_category[WEAPONS]
    assert hate.claimed.share == pytest.approx(0.36)
    assert weapons.claimed.share == 0.0
    for category in (hate, weapons):
        assert category.prediction_powered.low <= 0.025 <= category.prediction_powered.high
    file = fill_in(labelled(run, 120), lambda line: (truth(line)[0], ""))
    nameless = correct(run, file)
    assert list(nameless.by_category) == [HATE, NO_CATEGORY]
    unnamed = nameless.by_category[NO_CATEGORY].prediction_powered
    assert unnamed.low <= 0.05 <= unnamed.high


def test_a_sample_of_everything_leaves_no_doubt(run: Path) -> None:
    found = correct(run, labelled(run, 600))
    for estimate in (found.prediction_powered, found.rogan_gladen):
        assert (estimate.low, estimate.share, estimate.high) == pytest.approx((0.05, 0.05, 0.05))
    assert sum(stratum.unsafe for stratum in found.strata) == 30
    assert sum(stratum.rows for stratum in found.strata) == 600


def test_known_images_are_unsafe_and_errors_are_not_spoken_of(tmp_path: Path) -> None:
    members = [(f"{level}-{n}.png", png(level)) for n, level in enumerate(LEVELS[:200])]
    members += [(f"known-{n}.png", png(9, side=9)) for n in range(50)] + [("broken.png", b"x")]
    known = KnownHashes(frozenset([sha256_of_bytes(png(9, side=9))]))
    annotate(tar(tmp_path / "a.tar", members), tmp_path / "run", guard(), known=known)
    found = correct(tmp_path / "run", labelled(tmp_path / "run", 200))
    assert (found.images, found.known, found.not_rated) == (250, 50, 1)
    assert found.prediction_powered.share == pytest.approx((10 + 50) / 250)
    assert found.rogan_gladen.share == pytest.approx((10 + 50) / 250)
    assert found.by_category[WEAPONS].prediction_powered.share == pytest.approx(5 / 250)
    assert found.claimed.share == pytest.approx((72 + 50) / 250)


def test_unknown_and_missing_labels_and_bad_lines_are_counted_and_left_out(run: Path) -> None:
    said = iter(["unknown"] * 5 + [""] * 4 + ["naughty"] * 3)
    file = fill_in(labelled(run), lambda line: truth(line) if truth(line)[0] == "Unsafe" else (next(said, "Safe"), ""))
    found = correct(run, file)
    assert (found.unknown, found.missing, len(found.refused)) == (5, 4, 3)
    assert found.labelled == 150 - 12
    assert "write Safe, Unsafe or unknown" in found.refused[0].reason
    page = audit_page(audit(run, labels=[file]))
    assert "Lines that could not be used" in page
    assert "5 labels say unknown" in page


def test_a_stratum_in_the_dark_is_no_ground_for_an_estimate(run: Path) -> None:
    file = labelled(run)
    fill_in(file, lambda line: truth(line) if line["stratum"] != "1" else ("", ""))
    with pytest.raises(UsageError, match=r"two labels at least.* 1 \(0 of \d+ labelled\)"):
        correct(run, file)


def test_labels_of_another_run_or_of_a_run_that_has_grown_are_refused(run: Path, tmp_path: Path) -> None:
    file = labelled(run)
    source = tar(tmp_path / "in" / "a.tar", [(f"{level}-0.png", png(level)) for level in range(250)])
    annotate(source.parent, tmp_path / "other", guard(threshold=0.7))
    with pytest.raises(UsageError, match="another run"):
        correct(tmp_path / "other", file)
    drawn = labelled(tmp_path / "other", 50)
    tar(tmp_path / "in" / "b.tar", [("1-1.png", png(1))])
    annotate(source.parent, tmp_path / "other", guard(threshold=0.7))
    with pytest.raises(UsageError, match="draw anew"):
        correct(tmp_path / "other", drawn)


def test_the_page_says_what_is_there_and_what_the_raw_count_would_have_claimed(run: Path) -> None:
    found = audit(run, labels=[labelled(run)])
    assert Audit.model_validate_json(found.model_dump_json()) == found
    (corrected,) = found.corrected
    assert isinstance(corrected, Corrected)
    page = audit_page(found)
    right = corrected.prediction_powered
    for text in (f"{right.share:.3%}", f"{right.low:.3%} – {right.high:.3%}", "36.000%", WEAPONS):
        assert text in page
    assert page.index("What is really there") < page.index("Ratings")
    assert len(rows(run)) == 600
