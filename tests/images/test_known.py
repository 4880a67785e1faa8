"""Lists of hashes, and what is known by them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eyeward.errors import UsageError
from eyeward.images import Limits
from eyeward.images import known as known_module
from eyeward.images.known import KnownHashes, verdict_of_known
from eyeward.images.pdq import pdq_hash
from eyeward.policy import Policy
from eyeward.verdict import ModelRef, Rating
from tests.images.test_pdq import picture

IMAGE = b"an image, for all that a hash knows"


def test_lists_are_read_line_by_line_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    digest = hashlib.sha256(IMAGE).hexdigest()
    (tmp_path / "a").write_text(f"# a list\n\n{digest.upper()}  a.png\n")
    (tmp_path / "b").write_text(f"{'0' * 32},source\r\n")
    lists = KnownHashes.read([tmp_path / "a", tmp_path / "b"])
    assert lists.hashes == {digest, "0" * 32}
    assert lists.match(IMAGE) == digest
    (tmp_path / "c").write_text(f"{digest}\nabc\n")
    with pytest.raises(UsageError, match="c:2: the line begins with no SHA-256 or MD5"):
        KnownHashes.read([tmp_path / "c"])
    (tmp_path / "d").write_text("# nothing\n")
    with pytest.raises(UsageError, match="holds no hash"):
        KnownHashes.read([tmp_path / "d"])
    with pytest.raises(UsageError, match="cannot be read"):
        KnownHashes.read([tmp_path / "missing"])


def test_both_kinds_of_hashes_are_found_and_nothing_else() -> None:
    by_md5 = KnownHashes(frozenset([hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()]))
    assert by_md5.match(IMAGE) in by_md5.hashes
    assert by_md5.match(IMAGE + b"\0") is None


def test_what_is_known_is_unsafe_says_why_and_needs_no_model() -> None:
    verdict = verdict_of_known(
        hashlib.sha256(IMAGE).hexdigest(), "a.png", Policy.load("default").ref, ModelRef(name="m", engine="e")
    )
    assert (verdict.rating, verdict.notes, verdict.p_unsafe) == (Rating.Unsafe, ("hash_match",), None)
    assert verdict.flagged
    assert verdict.sha256 == hashlib.sha256(IMAGE).hexdigest()


def file_of(seen: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    seen.save(file, form, **options)
    return file.getvalue()


def pdq_lines(count: int) -> list[str]:
    return [pdq_hash(picture(seed, 100, 80)) for seed in range(count)]


@pytest.mark.parametrize(
    "form",
    [
        "pdq:{0}\n",
        "PDQ:{0}, 97, by X\n",
        "# a list\npdq\n{0}\n",
        "PDQ_hash,quality\n{0},97\n",
        "pdq\npdq:{0}",
    ],
)
def test_a_list_of_pdq_says_so_before_each_hash_or_above_them_all(form: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(form.format("ab" * 32))
    lists = KnownHashes.read([tmp_path / "list"])
    assert lists.hashes == {"pdq:" + "ab" * 32}
    assert lists.holds_pdq


def test_pdq_may_stand_between_other_hashes(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{'0' * 32}\npdq:{'ab' * 32}\n{'c' * 64} 1234 bytes\n")
    lists = KnownHashes.read([tmp_path / "list"])
    assert lists.hashes == {"0" * 32, "pdq:" + "ab" * 32, "c" * 64}
    assert lists.digest != KnownHashes(frozenset({"0" * 32, "ab" * 32, "c" * 64})).digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{0},97\n", "list:1: .* its quality, is how lists of PDQ are written; .* write a line `pdq` at the head"),
        ("{1}\n{0} 100 a.png\n", "list:2: .* if it is SHA-256, take the number away"),
        ("hash,quality\n{0},97\n", "list:1: .* no SHA-256 or MD5 and no `pdq:`; .* if this is a list of PDQ, write"),
        ("pdq\n{1}\n{2}\n", "list:3: PDQ hashes have 64 hexadecimal digits"),
        ("pdq:12\n", "list:1: PDQ hashes have 64"),
        ("{1}\npdq\n{0}\n", "list:2: .* no SHA-256"),
    ],
)
def test_pdq_that_does_not_say_so_is_refused_with_the_way_to_say_it(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(text.format("a" * 64, "b" * 64, "0" * 32))
    with pytest.raises(UsageError, match=said):
        KnownHashes.read([tmp_path / "list"])


def test_a_list_whose_hashes_can_only_be_pdq_is_refused_and_one_of_sha256_is_not(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("\n".join(pdq_lines(8)))
    with pytest.raises(UsageError, match="looks like a list of PDQ: just half of the bits"):
        KnownHashes.read([tmp_path / "list"])
    (tmp_path / "list").write_text("\n".join(["pdq", *pdq_lines(8)]))
    assert len(KnownHashes.read([tmp_path / "list"]).hashes) == 8
    (tmp_path / "list").write_text("\n".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200)))
    assert len(KnownHashes.read([tmp_path / "list"]).hashes) == 200


def test_a_picture_is_known_by_its_looks_in_other_bytes_and_behind_transparency_and_in_an_animation() -> None:
    known, other = picture(1, 300, 200), picture(2, 300, 200)
    listed = "pdq:" + pdq_hash(known)
    lists = KnownHashes(frozenset({listed}))
    assert lists.match(file_of(known.resize((150, 100)), "JPEG", quality=60)) == listed
    assert lists.match(file_of(known, "PNG", save_all=True, append_images=[other])) == listed
    assert lists.match(file_of(other, "PNG", save_all=True, append_images=[known])) == listed
    shown = Image.merge("RGBA", (*known.split(), Image.new("L", known.size, 230)))
    assert lists.match(file_of(shown)) == listed
    turned = Image.Exif()
    turned[0x0112] = 6
    assert lists.match(file_of(known, "JPEG", exif=turned)) == listed, "lists know pictures as they are stored"
    assert lists.match(file_of(other)) is None
    assert lists.match(b"no image at all") is None
    assert lists.match(file_of(known), Limits(max_pixels=100)) is None, "nor will anything judge it"


def test_nothing_is_decoded_for_lists_without_pdq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_module, "decode", lambda data, limits: pytest.fail("it was decoded"))
    assert KnownHashes(frozenset({"0" * 64})).match(file_of(picture(1, 30, 20))) is None
