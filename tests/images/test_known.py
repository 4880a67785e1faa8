"""Lists of hashes, and what is known by them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from eyeward.errors import UsageError
from eyeward.images.known import KnownHashes, verdict_of_known
from eyeward.policy import Policy
from eyeward.verdict import ModelRef, Rating

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
