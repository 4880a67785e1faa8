"""Labels leave by the page as files that other parts read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from eyeward.annotate.audit.counting import audit
from eyeward.annotate.audit.sample import draw_sample, write_sample
from eyeward.annotate.run import annotate
from eyeward.data.events import read_events
from eyeward.data.folder import SampleFolder
from eyeward.images import sha256_of_bytes
from eyeward.serve.labels.queues import queue_from_sample
from eyeward.serve.labels.records import Order, QueueSettings
from eyeward.serve.pages.review.options import AuditSample
from tests.annotate.world import png
from tests.evaluate.worlds import guard
from tests.serve.pages.review.people import NONE, POLICY, WEAPONS, Office, Page, Person, office
from tests.serve.world import LOCAL


def fetched(person: Person, page: Page, kind: str) -> tuple[bytes, str]:
    """Press an export button; return what comes and what it is called."""
    form = page.form(f"/export/{kind}")
    answer = person.client.post(form.action, data=form.fields, headers={"Origin": LOCAL})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.content, answer.headers["content-disposition"]


def test_training_data_are_the_settled_images_with_their_labels(place: Office, tmp_path: Path) -> None:
    place.queue(pictures=3, raters=1)
    ada, olga = place.ready("ada", "olga")
    page = ada.rate()
    following = ada.answers(page, rationale="A rifle.", severity="highly_unsafe")
    ada.answers(following, rating="Safe", category=NONE)
    content, name = fetched(olga, olga.get("/review/queues/weapons"), "training")
    assert name == 'attachment; filename="weapons.zip"'
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path / "out")
    samples = list(SampleFolder(tmp_path / "out" / "weapons"))
    assert [(s.rating, s.category, s.rationale) for s in samples] == [
        ("Unsafe", WEAPONS, "A rifle."),
        ("Safe", NONE, None),
    ]
    images = [(tmp_path / "out" / "weapons" / sample.image).read_bytes() for sample in samples]
    assert [sha256_of_bytes(image) for image in images] == [page.image, following.image]


def test_events_are_those_that_the_data_verbs_read(place: Office, tmp_path: Path) -> None:
    place.queue(pictures=1, raters=1)
    ada, olga = place.ready("ada", "olga")
    page = ada.rate()
    ada.answers(page)
    content, _ = fetched(olga, olga.get("/review/queues/weapons"), "events")
    (tmp_path / "events.jsonl").write_bytes(content)
    events = read_events(tmp_path / "events.jsonl")
    assert {(event.user, event.image_sha256, event.new) for event in events} == {
        ("ada", page.image, "Unsafe"),
        ("ada", page.image, WEAPONS),
    }


@pytest.fixture
def drawn(tmp_path: Path) -> AuditSample:
    """A run, and a sample of it."""
    images = tmp_path / "dataset"
    images.mkdir()
    for level in range(0, 256, 8):
        (images / f"{level}.png").write_bytes(png(level))
    annotate(images, tmp_path / "run", guard())
    file = tmp_path / "sample.csv"
    write_sample(file, *draw_sample(tmp_path / "run", 8))
    return AuditSample(tmp_path / "run", file)


def test_the_labels_of_a_sample_go_back_to_the_audit(drawn: AuditSample, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    with office(desk, samples={"audit": drawn}) as place:
        settings = QueueSettings(name="audit", policy=POLICY, order=Order.drawn, raters=1)
        assert queue_from_sample(place.store, settings, drawn.run, drawn.sample, "boss").items == 8
        place.queue("other", pictures=1)
        ada, olga = place.ready("ada", "olga")
        page = ada.rate("audit")
        for _ in range(8):
            page = ada.answers(page, rating="Safe", category=NONE)
        assert "You have seen all" in page.text
        content, name = fetched(olga, olga.get("/review/queues/audit"), "audit")
        assert "export/audit" not in olga.get("/review/queues/other").text
        token = olga.get("/review/queues/other").form("/export/events").fields
        assert olga.post("/review/queues/other/export/audit", token).status == 404
    assert name.endswith('"audit.csv"')
    labels = drawn.sample.with_name("labels.csv")
    labels.write_bytes(content)
    labels.with_name("labels.strata.json").write_bytes(drawn.sample.with_name("sample.strata.json").read_bytes())
    (corrected,) = audit(drawn.run, labels=[labels]).corrected
    assert corrected.labelled == 8
    assert corrected.prediction_powered.share < corrected.claimed.share


def test_nothing_of_an_export_stays_on_the_disk(place: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    place.queue(pictures=1, raters=1)
    ada, olga = place.ready("ada", "olga")
    ada.answers(ada.rate())
    for kind in ("training", "events"):
        assert fetched(olga, olga.get("/review/queues/weapons"), kind)[0]
    assert list(spool.iterdir()) == []
