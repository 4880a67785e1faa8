"""`eyeward review`: queues are made, listed, and their labels fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.annotate.audit.labels import read_labels
from eyeward.annotate.audit.sample import read_sample
from eyeward.annotate.run import annotate
from eyeward.cli.main import app
from eyeward.data.events import read_events
from eyeward.data.folder import SampleFolder
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.records import UNKNOWN, Answer, Offer, Order
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import NA, Rating
from tests.annotate.world import DEFAULT, EXEMPT, png
from tests.evaluate.worlds import guard

SAFE = Answer(rating=Rating.Safe, category=NA)


def review(*arguments: str | Path | int, **environment: str) -> Result:
    return CliRunner().invoke(app, ["review", *map(str, arguments)], env={"EYEWARD_REVIEW": "", **environment})


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for level in range(0, 256, 16):
        (folder / f"{level}.png").write_bytes(png(level))
    return folder


@pytest.fixture
def run(images: Path, tmp_path: Path) -> Path:
    annotate(images, tmp_path / "run", guard())
    return tmp_path / "run"


def answer_all(store: Path, queue: str, *users: str) -> int:
    """Have people rate everything Safe; return how many images they saw."""
    seen = set()
    with LabelStore.open(store) as kept:
        desk = ReviewDesk(kept)
        for user in users:
            desk.agree(user, (*DEFAULT.labels, UNKNOWN))
            while isinstance(offer := desk.take(queue, user), Offer):
                desk.answer(queue, offer.image_sha256, user, SAFE)
                seen.add(offer.image_sha256)
    return len(seen)


def test_a_folder_becomes_a_queue_and_its_labels_training_data(images: Path, tmp_path: Path) -> None:
    store = tmp_path / "labels.sqlite"
    made = review("add", "all", images, "--store", store, "--raters", 1, "--most", 10)
    assert made.exit_code == 0, made.output
    assert made.stderr == "The queue all has 10 images; left out: 6 beyond most.\n"
    assert answer_all(store, "all", "ada") == 10
    listed = review("list", "--store", store)
    assert "10 of 10 settled, 0 contested" in listed.stdout
    done = review("export", "all", tmp_path / "out", "--store", store)
    assert done.exit_code == 0, done.output
    assert "10 labels written" in done.stderr
    assert {sample.rating for sample in SampleFolder(tmp_path / "out")} == {Rating.Safe}
    events = review("export", "all", tmp_path / "events.jsonl", "--as", "events", EYEWARD_REVIEW=str(store))
    assert events.exit_code == 0, events.output
    assert len(read_events(tmp_path / "events.jsonl")) == 20


def test_a_run_becomes_a_queue_in_the_order_that_was_asked_for(run: Path, tmp_path: Path) -> None:
    store = tmp_path / "labels.sqlite"
    made = review("add", "near", run, "--store", store, "--order", "nearest", "--most", 2, "--raters", 3)
    assert made.exit_code == 0, made.output
    with LabelStore.open(store) as kept:
        queue = kept.queue("near")
        assert (queue.settings.order, queue.settings.raters, queue.policy) == (Order.nearest, 3, DEFAULT)
        assert {Path(item.name).stem for item in kept.items("near")} == {"112", "128"}
        assert all(item.claims for item in kept.items("near"))
    again = review("add", "near", run, "--store", store)
    assert again.exit_code == 2
    assert "already" in again.stderr


def test_a_run_under_several_policies_asks_for_one(images: Path, tmp_path: Path) -> None:
    annotate(images, tmp_path / "run", guard(), (DEFAULT, EXEMPT))
    unsaid = review("add", "q", tmp_path / "run", "--store", tmp_path / "labels.sqlite")
    assert unsaid.exit_code == 2
    assert "The run asked about default, exempt; say which: --policy default." in unsaid.stderr
    said = review("add", "q", tmp_path / "run", "--store", tmp_path / "labels.sqlite", "--policy", "exempt")
    assert said.exit_code == 0, said.output
    with LabelStore.open(tmp_path / "labels.sqlite") as kept:
        assert kept.queue("q").policy.hash == EXEMPT.hash


def test_a_sample_becomes_a_queue_and_goes_back_with_labels(run: Path, tmp_path: Path) -> None:
    store, sample, labels = tmp_path / "labels.sqlite", tmp_path / "sample.csv", tmp_path / "labels.csv"
    drawn = CliRunner().invoke(app, ["audit", "sample", str(run), "--out", str(sample), "-n", "6"])
    assert drawn.exit_code == 0, drawn.output
    made = review("add", "audit", run, "--store", store, "--sample", sample, "--raters", 2)
    assert made.exit_code == 0, made.output
    assert answer_all(store, "audit", "ada", "bob") == 6
    done = review("export", "audit", labels, "--store", store, "--as", "audit", "--run", run, "--sample", sample)
    assert done.exit_code == 0, done.output
    assert len(read_labels(labels, read_sample(labels), DEFAULT).by_place) == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "Not A Slug", "IMAGES"], "There can be no such queue"),
        (["add", "q", "IMAGES", "--sample", "s.csv"], "is no folder of `eyeward annotate`"),
        (["add", "q", "IMAGES", "--order", "nearest"], "wants a guard"),
        (["add", "q", "IMAGES", "--policy", "missing"], "no pack of that name"),
        (["add", "q", "missing-folder"], "There is no folder"),
        (["export", "q", "out", "--as", "audit"], "all three"),
        (["export", "q", "out", "--sample", "s.csv"], "all three"),
        (["export", "q", "out.jsonl", "--as", "events"], "no queue"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(images: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    given = [str(images) if argument == "IMAGES" else argument for argument in arguments]
    result = review(*given, "--store", tmp_path / "labels.sqlite")
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())


def test_a_store_has_to_be_named() -> None:
    assert review("list").exit_code == 2
