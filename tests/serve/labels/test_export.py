"""Labels leave as others read them: data sets, builds, audits; what is not settled stays, and is counted."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from eyeward.annotate.audit.counting import audit
from eyeward.annotate.audit.labels import read_labels
from eyeward.annotate.audit.sample import draw_sample, read_sample, write_sample
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.data.building import Build
from eyeward.data.events import read_events
from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Severity
from eyeward.errors import UsageError
from eyeward.images import sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.policy import Policy
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.export import export_audit, export_events, export_samples
from eyeward.serve.labels.queues import queue_from_folder, queue_from_sample
from eyeward.serve.labels.records import Answer, Nothing, QueueSettings
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import NA, Rating
from tests.annotate.world import pictures, png
from tests.evaluate.worlds import guard
from tests.serve.labels.world import BARELY, DEFAULT, EVERYTHING, HATE, SAFE, UNSAFE, WEAPONS

LEVELS = (10, 250, 120, 200)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures(tmp_path / "in", LEVELS)


def settings(policy: Policy = DEFAULT) -> QueueSettings:
    return QueueSettings(name="near", policy=policy)


def rate(store: LabelStore, said: dict[str, tuple[Answer | None, ...]]) -> None:
    """Let anna and ben answer about images by their sha256; None is a skip."""
    desk = ReviewDesk(store)
    for place, user in enumerate(("anna", "ben")):
        desk.agree(user, EVERYTHING)
        while not isinstance(offer := desk.take("near", user), Nothing):
            answer = said.get(offer.image_sha256, (None, None))[place]
            if answer is None:
                desk.skip("near", offer.image_sha256, user)
            else:
                desk.answer("near", offer.image_sha256, user, answer)


def by_level(**said: tuple[Answer | None, ...]) -> dict[str, tuple[Answer | None, ...]]:
    return {sha256_of_bytes(png(int(level[1:]))): answers for level, answers in said.items()}


def test_settled_items_leave_as_samples_with_their_images(lite: LabelStore, folder: Path, tmp_path: Path) -> None:
    queue_from_folder(lite, settings(), folder, "owner")
    rate(lite, by_level(_250=(UNSAFE, UNSAFE), _10=(SAFE, SAFE), _200=(SAFE, UNSAFE), _120=(SAFE, None)))
    report = export_samples(lite, "near", tmp_path / "out")
    assert report.taken == 2
    assert {item.reason: item.rows for item in report.discarded} == {"contested": 1, "open": 1}
    written = SampleFolder(tmp_path / "out")
    samples = {sample.rating: sample for sample in written}
    unsafe = samples[Rating.Unsafe]
    assert (unsafe.category, unsafe.severity, unsafe.rationale) == (WEAPONS, Severity.HIGHLY_UNSAFE, "A gun.")
    assert (unsafe.annotator, unsafe.policy, unsafe.source) == ("anna, ben", None, "review/near")
    assert written.image_of(unsafe).read_bytes() == png(250)
    assert samples[Rating.Safe].category == NA
    built = Build(tmp_path / "set").run([tmp_path / "out"])
    assert built.rows.taken == 2
    with pytest.raises(UsageError, match="not empty"):
        export_samples(lite, "near", tmp_path / "out")


def test_samples_of_another_policy_carry_it(lite: LabelStore, folder: Path, tmp_path: Path) -> None:
    strict = DEFAULT.sensitive("O6").renamed("strict")
    queue_from_folder(lite, settings(strict), folder, "owner")
    rate(lite, by_level(_250=(UNSAFE, UNSAFE)))
    export_samples(lite, "near", tmp_path / "out")
    written = SampleFolder(tmp_path / "out")
    (sample,) = written
    assert written.policy_of(sample) == strict


def test_an_image_that_is_known_or_changed_since_does_not_leave(lite: LabelStore, folder: Path, tmp_path: Path) -> None:
    queue_from_folder(lite, settings(), folder, "owner")
    rate(lite, by_level(_250=(UNSAFE, UNSAFE), _10=(SAFE, SAFE), _200=(SAFE, SAFE)))
    (folder / "even" / "0000.png").write_bytes(png(11))
    (folder / "odd" / "0003.png").unlink()
    known = KnownHashes(frozenset({sha256_of_bytes(png(250))}))
    report = export_samples(lite, "near", tmp_path / "out", known)
    assert report.taken == 0
    assert {item.reason: item.rows for item in report.discarded} == {"not_found": 2, "unreadable": 1, "open": 1}
    assert list((tmp_path / "out" / "images").iterdir()) == []


def test_events_change_labels_that_are_there(lite: LabelStore, folder: Path, tmp_path: Path) -> None:
    queue_from_folder(lite, settings(), folder, "owner")
    everything = {f"_{level}": (SAFE, SAFE) for level in LEVELS}
    rate(lite, by_level(**everything))
    export_samples(lite, "near", tmp_path / "before")
    with LabelStore.open(tmp_path / "again.sqlite") as again:
        queue_from_folder(again, settings(), folder, "owner")
        rate(again, by_level(_250=(UNSAFE, UNSAFE), _10=(BARELY, BARELY), _200=(SAFE, UNSAFE)))
        assert export_events(again, "near", tmp_path / "events.jsonl") == 4 + 3
        with pytest.raises(UsageError, match="there already"):
            export_events(again, "near", tmp_path / "events.jsonl")
    report = Build(tmp_path / "after", events=read_events(tmp_path / "events.jsonl")).run([tmp_path / "before"])
    assert report.reviewed is not None
    assert (report.reviewed.taken, report.reviewed.discarded) == (7, ())
    labels = sorted((sample.rating.value, sample.category) for sample in SampleFolder(tmp_path / "after"))
    assert labels == [("Safe", NA), ("Safe", NA), ("Safe", WEAPONS), ("Unsafe", WEAPONS)]


def test_labels_of_a_sample_go_back_into_its_audit(lite: LabelStore, tmp_path: Path) -> None:
    source = open_source(pictures(tmp_path / "in", [(37 * number) % 256 for number in range(60)]))
    annotate(source, tmp_path / "run", guard())
    sample, drawn, record = draw_sample(tmp_path / "run", 20)
    write_sample(tmp_path / "s.csv", sample, drawn, record)
    queue_from_sample(lite, settings(), tmp_path / "run", tmp_path / "s.csv", "owner")
    unsafe = Answer(rating=Rating.Unsafe, category=HATE)
    order = [item.image_sha256 for item in lite.items("near")]
    said: dict[str, tuple[Answer | None, ...]] = {
        image: (unsafe, unsafe) if number % 2 else (SAFE, SAFE) for number, image in enumerate(order)
    }
    said[order[0]], said[order[2]] = (SAFE, unsafe), (SAFE, None)
    rate(lite, said)
    report = export_audit(lite, "near", tmp_path / "run", tmp_path / "s.csv", tmp_path / "labelled.csv")
    assert (report.rows, report.taken) == (20, 18)
    read = read_labels(tmp_path / "labelled.csv", read_sample(tmp_path / "labelled.csv"), DEFAULT)
    assert (len(read.by_place), read.missing, read.refused) == (18, 2, ())
    assert {label.category for label in read.by_place.values() if label.unsafe} == {HATE}
    found = audit(tmp_path / "run", labels=[tmp_path / "labelled.csv"])
    assert found.corrected[0].labelled == 18
    with pytest.raises(UsageError, match="there already"):
        export_audit(lite, "near", tmp_path / "run", tmp_path / "s.csv", tmp_path / "labelled.csv")


def test_a_sample_that_is_not_in_the_queue_has_no_labels(lite: LabelStore, folder: Path, tmp_path: Path) -> None:
    annotate(open_source(folder), tmp_path / "run", guard())
    write_sample(tmp_path / "s.csv", *draw_sample(tmp_path / "run", 4))
    other = pictures(tmp_path / "other", (77,))
    queue_from_folder(lite, settings(), other, "owner")
    report = export_audit(lite, "near", tmp_path / "run", tmp_path / "s.csv", tmp_path / "labelled.csv")
    assert [(item.reason, item.rows) for item in report.discarded] == [("not_queued", 4)]
    with (tmp_path / "labelled.csv").open(encoding="utf-8", newline="") as stream:
        assert {line["label"] for line in csv.DictReader(stream)} == {""}
    (tmp_path / "none.csv").write_text("a,b\n", encoding="utf-8")
    (tmp_path / "none.strata.json").write_bytes((tmp_path / "s.strata.json").read_bytes())
    with pytest.raises(UsageError, match="has not the columns"):
        export_audit(lite, "near", tmp_path / "run", tmp_path / "none.csv", tmp_path / "x.csv")
