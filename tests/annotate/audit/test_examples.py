"""Blurred pictures: of what was judged, never of what is known."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from eyeward.annotate.audit.counting import audit
from eyeward.annotate.audit.examples import examples
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.run import annotate
from eyeward.errors import UsageError
from eyeward.images import sha256_of_bytes
from eyeward.images.known import KnownHashes
from tests.annotate.world import DEFAULT, pictures, png, tar
from tests.evaluate.worlds import guard

LEVELS = (5, 60, 116, 118, 127, 128, 200, 240, 250)
KNOWN = png(252, side=40)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    members = [(f"{level}.png", png(level, side=64)) for level in LEVELS]
    members += [("known.png", KNOWN), ("broken.png", b"x")]
    known = KnownHashes(frozenset([sha256_of_bytes(KNOWN)]))
    annotate(tar(tmp_path / "a.tar", members), tmp_path / "run", guard(band=(0.45, 0.48)), known=known)
    return tmp_path / "run"


def picture(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))


def test_unsafe_review_and_doubtful_images_are_shown_each_once(run: Path) -> None:
    found = [(one.kind, one.key) for one in examples(run, 2)[DEFAULT.hash]]
    assert found[:4] == [
        ("Unsafe, surest first", "250"),
        ("Unsafe, surest first", "240"),
        ("Review", "118"),
        ("Review", "116"),
    ]
    assert set(found[4:]) == {("Nearest the threshold", "127"), ("Nearest the threshold", "128")}


def test_pictures_are_too_small_to_be_sharpened_again(run: Path) -> None:
    for one in examples(run, 2)[DEFAULT.hash]:
        assert one.picture is not None
        shown = picture(one.picture)
        assert max(shown.size) <= 16
        level = shown.convert("L").getpixel((3, 3))
        assert isinstance(level, int)
        assert abs(level - int(one.key)) <= 2, "it is the picture of that image"


def test_known_images_are_never_shown_nor_what_looks_like_them(tmp_path: Path) -> None:
    copy = png(252, side=41)  # other bytes, the same look
    members = [("known.png", KNOWN), ("copy.png", copy), ("other.png", png(5))]
    half = Image.new("L", (32, 32), 255)
    half.paste(0, (0, 0, 8, 32))
    drawn = io.BytesIO()
    half.save(drawn, "PNG")
    members.append(("half.png", drawn.getvalue()))
    known = KnownHashes(frozenset([sha256_of_bytes(KNOWN)]))
    annotate(tar(tmp_path / "a.tar", members), tmp_path / "run", guard(), known=known, phash=True)
    assert "known" not in {one.key for one in examples(tmp_path / "run", 9)[DEFAULT.hash]}
    assert "copy" not in {one.key for one in examples(tmp_path / "run", 9)[DEFAULT.hash]}
    assert "half" in {one.key for one in examples(tmp_path / "run", 9)[DEFAULT.hash]}


def test_an_image_that_is_no_longer_the_one_that_was_judged_is_not_shown(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", [250, 240])
    annotate(source, tmp_path / "run", guard())
    (source / "even" / "0000.png").write_bytes(png(251))
    (source / "odd" / "0001.png").unlink()
    found = examples(tmp_path / "run", 5)[DEFAULT.hash]
    assert {one.key for one in found} == {"even/0000.png", "odd/0001.png"}
    assert {one.picture for one in found} == {None}
    assert "no longer gives the image" in audit_page(audit(tmp_path / "run"), {DEFAULT.hash: found})


def test_the_page_shows_them_only_where_asked(run: Path) -> None:
    assert "<img" not in audit_page(audit(run))
    page = audit_page(audit(run), examples(run, 2))
    assert len(re.findall(r'<img src="data:image/jpeg;base64,', page)) == 6
    assert "known" not in "".join(re.findall(r"<article.*?</article>", page))


def test_a_dataset_that_is_gone_is_said_and_one_that_was_moved_is_found(run: Path, tmp_path: Path) -> None:
    before = examples(run, 2)
    (tmp_path / "a.tar").rename(tmp_path / "b.tar")
    with pytest.raises(UsageError):
        examples(run, 2)
    (tmp_path / "moved").mkdir()
    (tmp_path / "b.tar").rename(tmp_path / "moved" / "a.tar")
    assert examples(run, 2, [str(tmp_path / "moved" / "a.tar")]) == before
