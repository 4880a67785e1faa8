"""Images that look the same and are rated otherwise are named, those on lists of known images never."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from eyeward.annotate.audit import look_alikes
from eyeward.annotate.audit.counting import Audit, PolicyAudit, audit
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.run import annotate
from eyeward.errors import ErrorType
from eyeward.images import perceptual_hash, sha256_of_bytes
from eyeward.images.known import KnownHashes
from tests.annotate.test_export import LENIENT, lenient
from tests.annotate.test_run import failing_at
from tests.annotate.world import DEFAULT, rows, tar
from tests.evaluate.worlds import guard


def halves(dark: int, bright: int, form: str = "across") -> bytes:
    """Return a picture of two greys; its form decides its perceptual hash, and their mean what the guard says."""
    picture = Image.new("L", (32, 32), bright)
    picture.paste(dark, {"across": (0, 0, 16, 32), "down": (0, 0, 32, 16), "corner": (0, 0, 16, 16)}[form])
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()


def look(content: bytes) -> str:
    return f"{perceptual_hash(Image.open(io.BytesIO(content))):016x}"


MEMBERS = {
    "dim": halves(0, 20),
    "dark": halves(10, 40),
    "glaring": halves(200, 240),
    "near": halves(100, 140, "down"),
    "<b>over": halves(120, 160, "down"),
    "alike": halves(10, 40, "corner"),
    "and alike": halves(20, 50, "corner"),
}


def judged(folder: Path, members: dict[str, bytes], *known: bytes) -> PolicyAudit:
    source = tar(folder / "a.tar", [(f"{name}.png", content) for name, content in members.items()])
    lists = KnownHashes(frozenset(map(sha256_of_bytes, known))) if known else None
    annotate(source, folder / "run", guard(failing_at(33, ErrorType.deadline)), phash=True, known=lists)
    return audit(folder / "run").policies[0]


def test_groups_that_are_rated_otherwise_are_listed_with_all_that_is_said_of_each(tmp_path: Path) -> None:
    found = judged(tmp_path, MEMBERS)
    assert (found.look_alikes, found.look_alikes_apart) == (3, 2)
    wide, narrow = found.look_alikes_listed
    assert (wide.phash, narrow.phash) == (look(MEMBERS["dim"]), look(MEMBERS["near"])), "the widest gap first"
    said = {row["key"]: row for row in rows(tmp_path / "run")}
    assert [(one.key, one.rating) for one in wide.members] == [
        ("glaring", "Unsafe"),
        ("dark", "Safe"),
        ("dim", "Safe"),
    ]
    assert (wide.images, wide.known) == (3, 0)
    for one in (*wide.members, *narrow.members):
        row = said[one.key]
        assert (one.shard, one.index, one.p_unsafe) == (row["shard"], row["index"], row["p_unsafe"])


def test_they_are_in_the_file_and_on_the_page_as_text(tmp_path: Path) -> None:
    judged(tmp_path, MEMBERS)
    found = audit(tmp_path / "run")
    assert Audit.model_validate_json(found.model_dump_json()) == found
    listed = json.loads(found.model_dump_json())["policies"][0]["look_alikes_listed"]
    assert [member["key"] for group in listed for member in group["members"]][:2] == ["glaring", "dark"]
    page = audit_page(found)
    part = page.partition("Look the same, rated otherwise")[2]
    for group in found.policies[0].look_alikes_listed:
        assert group.phash in part
    assert "glaring" in part
    assert "&lt;b&gt;over" in part
    assert "<b>over" not in page
    assert "alike</td>" not in part, "groups that agree are counted only"
    assert "bit for bit" in part


def test_an_error_is_not_the_same_as_a_rating(tmp_path: Path) -> None:
    found = judged(tmp_path, {"judged": halves(10, 40), "failed": halves(33, 40)})
    (group,) = found.look_alikes_listed
    assert [(one.key, one.rating, one.p_unsafe) for one in group.members][1] == ("failed", "error", None)
    assert found.look_alikes_apart == 1


def test_known_images_are_counted_and_never_listed(tmp_path: Path) -> None:
    members = {"known": halves(0, 20), "copy": halves(10, 40), "other": halves(5, 9, "down")}
    found = judged(tmp_path, members, members["known"])
    (group,) = found.look_alikes_listed
    assert (group.images, group.known, [one.key for one in group.members]) == (2, 1, ["copy"])
    page = audit_page(audit(tmp_path / "run"))
    assert "2, 1 known" in page
    assert "known</td>" not in page.replace("1 known</td>", "")
    assert ">copy<" in page


def test_lists_end_and_every_rating_is_among_the_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_alikes, "MOST_GROUPS", 1)
    monkeypatch.setattr(look_alikes, "MOST_MEMBERS", 2)
    found = judged(tmp_path, MEMBERS)
    (group,) = found.look_alikes_listed
    assert (found.look_alikes_apart, group.images) == (2, 3)
    assert [(one.key, one.rating) for one in group.members] == [("glaring", "Unsafe"), ("dim", "Safe")], "the surest"
    assert "Listed are the 1 with the widest gap" in audit_page(audit(tmp_path / "run"))


def test_each_policy_has_its_own_groups(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [(f"{name}.png", content) for name, content in MEMBERS.items()])
    annotate(source, tmp_path / "run", guard(lenient), (DEFAULT, LENIENT), phash=True)
    default, other = audit(tmp_path / "run").policies
    assert (default.look_alikes_apart, other.look_alikes_apart) == (2, 0)
    assert (len(default.look_alikes_listed), other.look_alikes_listed) == (2, ())
