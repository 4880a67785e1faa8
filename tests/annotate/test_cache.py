"""A cache saves work between runs, and nothing that is right depends on it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eyeward.annotate.cache import VerdictCache
from eyeward.annotate.run import annotate
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType, UsageError
from tests.annotate.test_run import failing_at, reasoned
from tests.annotate.world import DEFAULT, EXEMPT, pictures, png, rows, samples, tar, troubled, written
from tests.evaluate.worlds import asked, guard
from tests.fakes import by_brightness


def test_another_run_asks_only_about_what_is_new_and_writes_the_same(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 3)
    annotate(source, tmp_path / "plain", guard(), (DEFAULT, EXEMPT))
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "first", guard(), (DEFAULT, EXEMPT), cache=cache)
    tar(source / "00009.tar", [("new.png", png(77, 9))])
    again = guard()
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "second", again, (EXEMPT, DEFAULT), cache=cache)
        assert (cache.hits, cache.misses) == (58, 4), "new, and broken, under two policies"
    assert asked(again) == 2
    assert written(tmp_path / "first") == written(tmp_path / "plain")
    by_policy = [[r for r in rows(tmp_path / run) if r["policy_name"] == "exempt"] for run in ("first", "second")]
    assert by_policy[0] == by_policy[1][:-1]


def test_the_same_image_twice_is_judged_once_under_each_name(tmp_path: Path) -> None:
    of = guard()
    source = pictures(tmp_path / "in", [200, 200, 200, 3])
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "once", of, cache=cache)
        annotate(source, tmp_path / "twice", of, cache=cache)
    found = rows(tmp_path / "twice")
    assert asked(of) == 4
    assert len({row["image"] for row in found}) == 4
    assert [row["rating"] for row in found] == ["Unsafe", "Unsafe", "Unsafe", "Safe"]


def test_another_threshold_model_policy_or_a_rationale_is_another_question(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", samples(0))
    with VerdictCache(tmp_path / "cache") as cache:
        for number, (of, policy, explain) in enumerate(
            [
                (guard(reasoned), DEFAULT, "never"),
                (guard(reasoned, threshold=0.9), DEFAULT, "never"),
                (guard(reasoned, name="other"), DEFAULT, "never"),
                (guard(reasoned), EXEMPT, "never"),
                (guard(reasoned), DEFAULT, "all"),
            ]
        ):
            annotate(source, tmp_path / str(number), of, (policy,), explain=explain, cache=cache)
            assert asked(of) == 12
            plain = guard(reasoned, threshold=0.9 if number == 1 else 0.5, name="other" if number == 2 else "bright")
            annotate(source, tmp_path / f"plain {number}", plain, (policy,), explain=explain)
            assert written(tmp_path / str(number)) == written(tmp_path / f"plain {number}")


def test_a_file_that_is_exchanged_while_it_is_judged_is_not_remembered_as_what_it_is_now(tmp_path: Path) -> None:
    file = pictures(tmp_path / "in", [5]) / "even" / "0000.png"

    def exchanging(prompt: Prompt) -> RawAnswer:
        file.write_bytes(png(250))
        return by_brightness(prompt)

    with VerdictCache(tmp_path / "cache") as cache:
        annotate(tmp_path / "in", tmp_path / "first", guard(exchanging), cache=cache)
        of = guard()
        annotate(tmp_path / "in", tmp_path / "second", of, cache=cache)
    assert [rows(tmp_path / run)[0]["rating"] for run in ("first", "second")] == ["Safe", "Unsafe"]
    assert asked(of) == 1


def test_failures_are_not_remembered(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "first", guard(failing_at(2, ErrorType.deadline)), cache=cache)
        of = guard()
        annotate(source, tmp_path / "second", of, cache=cache)
    assert asked(of) == 1
    assert [row["error_type"] for row in rows(tmp_path / "second")] == [None, None]


def test_a_cache_stays_below_its_size_and_forgets_the_oldest(tmp_path: Path) -> None:
    verdict = guard().assess(png(1), DEFAULT)
    with VerdictCache(tmp_path / "cache", largest=400_000) as cache:
        for number in range(3000):
            cache.put(f"{number:08}", verdict)
        assert cache.get("00002999") is not None
        assert cache.get("00000000") is None
    with sqlite3.connect(tmp_path / "cache") as base:
        (count,) = base.execute("SELECT count(*) FROM verdicts").fetchone()
    base.close()
    assert 100 < count < 1000
    assert (tmp_path / "cache").stat().st_size < 800_000


def test_a_cache_that_breaks_while_it_is_used_costs_work_and_nothing_else(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 2)
    annotate(source, tmp_path / "plain", guard())
    cache = VerdictCache(tmp_path / "cache")
    cache._base.execute("DROP TABLE verdicts")
    with cache:
        annotate(source, tmp_path / "out", guard(), cache=cache)
    assert written(tmp_path / "out") == written(tmp_path / "plain")


def test_a_verdict_in_it_that_makes_no_sense_is_not_believed(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(250))])
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "first", guard(), cache=cache)
    with sqlite3.connect(tmp_path / "cache") as base:
        base.execute("UPDATE verdicts SET verdict = replace(verdict, 'Unsafe', 'Harmless')")
    base.close()
    of = guard()
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "second", of, cache=cache)
    assert asked(of) == 1
    assert written(tmp_path / "second") == written(tmp_path / "first")


def test_what_is_no_cache_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"no database, and longer than a header of one would be" * 20)
    with pytest.raises(UsageError, match="cannot be used as a cache"):
        VerdictCache(tmp_path / "cache")


def test_what_a_list_of_known_images_said_is_not_kept(tmp_path: Path) -> None:
    verdict = guard().assess(png(250), DEFAULT)
    with VerdictCache(tmp_path / "cache") as cache:
        cache.put("known", verdict.model_copy(update={"notes": ("hash_match",)}))
        cache.put("judged", verdict)
        assert (cache.get("known"), cache.get("judged") is None) == (None, False)
