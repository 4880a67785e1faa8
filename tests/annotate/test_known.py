"""Images that are known by their hash are Unsafe before anything looks at them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from eyeward.annotate.cache import VerdictCache
from eyeward.annotate.explain import Explain
from eyeward.annotate.export import export
from eyeward.annotate.finished import Finished
from eyeward.annotate.run import annotate
from eyeward.errors import UsageError
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.images.known import KnownHashes
from eyeward.images.pdq import pdq_hash
from tests.annotate.test_run import reasoned
from tests.annotate.world import DEFAULT, EXEMPT, pictures, png, rows, tar, written
from tests.evaluate.worlds import asked, guard
from tests.images.test_pdq import picture


def known(*contents: bytes) -> KnownHashes:
    digests = [hashlib.sha256(content).hexdigest() for content in contents[:1]]
    digests += [hashlib.md5(content, usedforsecurity=False).hexdigest() for content in contents[1:]]
    return KnownHashes(frozenset(digests))


def test_a_match_is_unsafe_is_reported_and_is_neither_judged_nor_kept(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [(f"{level}.png", png(level)) for level in (1, 2, 3, 4)])
    of, reported = guard(reasoned), list[tuple[str | None, str]]()

    def report(request: Request, found: str) -> None:
        reported.append((request.key, found))

    lists = known(png(2), png(3))
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "run", of, explain="all", known=lists, report=report, cache=cache)
        assert asked(of) == 2
        found = rows(tmp_path / "run")
        assert [(row["rating"], row["notes"], row["rationale"]) for row in found] == [
            ("Safe", [], "Level 1."),
            ("Unsafe", ["hash_match"], None),
            ("Unsafe", ["hash_match"], None),
            ("Safe", [], "Level 4."),
        ]
        assert found[1]["sha256"] == hashlib.sha256(png(2)).hexdigest()
        assert {key for key, _ in reported} == {"2", "3"}
        assert {digest for _, digest in reported} == lists.hashes
        without = guard(reasoned)
        annotate(source, tmp_path / "without", without, explain="all", cache=cache)
        assert asked(without) == 2, "a match is not remembered"
    assert export(Finished.open(tmp_path / "run"), tmp_path / "out", keep_review=True).kept == 2


def test_every_policy_and_loose_files_too(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", [1, 2])
    annotate(source, tmp_path / "run", guard(), (DEFAULT, EXEMPT), known=known(png(2)))
    assert [(row["policy_name"], row["rating"]) for row in rows(tmp_path / "run")] == [
        ("default", "Safe"),
        ("exempt", "Safe"),
        ("default", "Unsafe"),
        ("exempt", "Unsafe"),
    ]


def test_a_match_is_not_asked_for_a_rationale(tmp_path: Path) -> None:
    of = guard(reasoned)
    source = tar(tmp_path / "a.tar", [("2.png", png(2)), ("250.png", png(250))])
    annotate(source, tmp_path / "run", of, explain=Explain.parse("unsafe"), known=known(png(2)))
    assert asked(of) == 2
    assert [row["rationale"] for row in rows(tmp_path / "run")] == [None, "Level 250."]


def test_other_lists_are_another_run(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("2.png", png(2))])
    annotate(source, tmp_path / "run", guard(), known=known(png(2)))
    before = written(tmp_path / "run")
    with pytest.raises(UsageError, match="known_hashes is null and was"):
        annotate(source, tmp_path / "run", guard())
    assert written(tmp_path / "run") == before


def test_what_looks_like_a_picture_on_a_list_of_pdq_is_treated_alike_and_looked_up_once_for_all_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = "pdq:" + pdq_hash(picture(1, 300, 200))
    again, other = io.BytesIO(), io.BytesIO()
    picture(1, 300, 200).resize((160, 120)).save(again, "JPEG", quality=50)
    picture(2, 300, 200).save(other, "PNG")
    source = tar(tmp_path / "a.tar", [("known.jpg", again.getvalue()), ("other.png", other.getvalue())])
    of, reported, looked_up = guard(reasoned), list[tuple[str | None, str]](), list[bytes]()
    lists = KnownHashes(frozenset({listed}))

    def look_up(lists: KnownHashes, data: bytes, limits: Limits) -> str | None:
        looked_up.append(data)
        return match_pictures(lists, data, limits)

    match_pictures = KnownHashes.match_pictures
    monkeypatch.setattr(KnownHashes, "match_pictures", look_up)
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(
            source,
            tmp_path / "run",
            of,
            (DEFAULT, EXEMPT),
            explain="all",
            known=lists,
            report=lambda request, found: reported.append((request.key, found)),
            cache=cache,
        )
        assert cache.misses == 2
    found = rows(tmp_path / "run")
    assert [(row["rating"], row["notes"]) for row in found[:2]] == [("Unsafe", ["hash_match"])] * 2
    assert found[0]["sha256"] == hashlib.sha256(again.getvalue()).hexdigest()
    assert [row["notes"] for row in found[2:]] == [[], []]
    assert reported == [("known", listed)] * 2
    assert (asked(of), looked_up) == (2, [again.getvalue(), other.getvalue()])
    with pytest.raises(UsageError, match="known_hashes is"):
        annotate(source, tmp_path / "run", guard(), (DEFAULT, EXEMPT), explain="all", known=known(png(2)))
