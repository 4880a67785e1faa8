"""Whatever changes an answer makes another run, which is refused with the difference, and another entry of a cache."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eyeward
from eyeward.annotate.cache import VerdictCache
from eyeward.annotate.explain import Explain
from eyeward.annotate.query import answer
from eyeward.annotate.record import RunRecord, read_run
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.remote.encoding import ImageFormat
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.servers import ServerKind
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import UsageError
from eyeward.guard import Guard, PromptOrder, Vocabulary
from eyeward.guard.card import EyewardCard
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.guard.scope import ScopeCheck
from eyeward.images import Limits
from tests.annotate.world import DEFAULT, png, rows, tar, written
from tests.engine.local.tiny import make_checkpoint
from tests.engine.remote.fake_server import FakeServer
from tests.evaluate.worlds import asked, guard
from tests.fakes import CAPABILITIES, FakeEngine, brightness, model_text, raw_answer

SETTINGS = {"config.json": "a" * 64, "preprocessor_config.json": "b" * 64}


def seen(prompt: Prompt) -> RawAnswer:
    """Answer by brightness, with features that every check below finds inside."""
    return raw_answer(prompt, brightness(prompt), features=(1.0, 1.0))


def check(weight: float) -> ScopeCheck:
    one = np.ones(2, dtype=np.float32)
    return ScopeCheck(one, one, np.full(5, -weight, dtype=np.float32))


def whole() -> Guard:
    """Make a guard with all that one of a checkpoint has."""
    return replace(guard(seen), settings=SETTINGS, scope=check(1.0), scope_threshold=0.5)


def served(name: str) -> Guard:
    engine = FakeEngine(seen)
    engine.capabilities = replace(CAPABILITIES, served=name)
    return replace(whole(), engine=engine)


def asking(card: EyewardCard, *unknown: str) -> Guard:
    return replace(whole(), profile=LlavaGuardProfile(card, model_text(unknown)))


OTHERS: dict[str, tuple[Guard, str]] = {
    "another file": (
        replace(whole(), settings={**SETTINGS, "preprocessor_config.json": "c" * 64}),
        'guard.settings.preprocessor_config.json is "cccccccccccc" and was "bbbbbbbbbbbb"',
    ),
    "one file more": (
        replace(whole(), settings={**SETTINGS, "chat_template.jinja": "c" * 64}),
        'guard.settings.chat_template.jinja is "cccccccccccc" and was null',
    ),
    "another scope check": (replace(whole(), scope=check(2.0)), 'guard.scope is "'),
    "another threshold of it": (
        replace(whole(), scope_threshold=0.6),
        "guard.scope_threshold is 0.6 and was 0.5",
    ),
    "another model behind a server": (served("7b (native)"), 'guard.served is "7b (native)" and was null'),
    "another revision": (
        replace(whole(), model=whole().model.model_copy(update={"revision": "2"})),
        'guard.model.revision is "2" and was "1"',
    ),
    "other limits": (replace(whole(), limits=Limits(max_frames=3)), "guard.limits.max_frames is 3 and was 8"),
    "another prompt": (asking(EyewardCard(name="bright", order=PromptOrder.image_first)), 'guard.prompts is "'),
    "words that it never met": (
        asking(EyewardCard(name="bright", vocabulary=Vocabulary.met_in_training), "pharmacy"),
        'guard.not_covered is "O6 (pharmacy)" and was ""',
    ),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tar(tmp_path / "a.tar", [("a.png", png(9)), ("b.png", png(250))])


@pytest.mark.parametrize("other", OTHERS)
def test_another_guard_is_refused_with_what_is_other_about_it(other: str, source: Path, tmp_path: Path) -> None:
    changed, difference = OTHERS[other]
    annotate(source, tmp_path / "run", whole())
    before = written(tmp_path / "run")
    with pytest.raises(UsageError, match="holds another run") as refusal:
        annotate(source, tmp_path / "run", changed)
    assert difference in str(refusal.value)
    assert written(tmp_path / "run") == before
    annotate(source, tmp_path / "run", whole())


@pytest.mark.parametrize("other", OTHERS)
def test_a_cache_gives_the_verdicts_of_one_guard_to_no_other(other: str, source: Path, tmp_path: Path) -> None:
    changed, _ = OTHERS[other]
    again = whole()
    before = asked(changed)
    with VerdictCache(tmp_path / "cache") as cache:
        annotate(source, tmp_path / "first", whole(), cache=cache)
        annotate(source, tmp_path / "again", again, cache=cache)
        annotate(source, tmp_path / "other", changed, cache=cache)
    assert (asked(again), asked(changed) - before) == (0, 2)


def test_a_run_that_an_older_eyeward_began_is_not_gone_on_with_and_can_be_read(source: Path, tmp_path: Path) -> None:
    annotate(source, tmp_path / "run", whole())
    file = tmp_path / "run" / "run.json"
    record = json.loads(file.read_text())
    for later in ("served", "settings", "scope", "not_covered"):
        del record["guard"][later]
    file.write_text(json.dumps(record))
    with pytest.raises(UsageError, match="did not write down all that decides .* queried, .* name a new folder"):
        annotate(source, tmp_path / "run", whole())
    assert read_run(tmp_path / "run").guard.model.name == "bright"
    assert list(answer(tmp_path / "run", "select count(*) from verdicts").rows) == [(2,)]


def record_of(source: Path, of: Guard) -> RunRecord:
    """Return what a run would write down of a guard, and close it where it asks a server."""
    record = RunRecord.of(open_source(source), of, (DEFAULT,), Explain())
    if isinstance(of.engine, RemoteEngine):
        of.engine.close()
    return record


@pytest.fixture
def card_alone(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    EyewardCard(name="mine").write(folder)
    return folder


def test_what_a_server_calls_its_model_tells_runs_apart_though_the_guard_has_one_name(
    source: Path, card_alone: Path, tmp_path: Path
) -> None:
    with FakeServer(ServerKind.openai) as server, VerdictCache(tmp_path / "cache") as cache:
        large, small = (
            eyeward.load_guard(card_alone, engine=server.address.replace("#guard", f"#{name}"), self_check="off")
            for name in ("large", "small")
        )
        assert large.model == small.model
        annotate(source, tmp_path / "run", large, cache=cache)
        with pytest.raises(UsageError, match=r'guard\.served is "small \(alternatives\)" and was "large \(alter'):
            annotate(source, tmp_path / "run", small, cache=cache)
        annotate(source, tmp_path / "other", small, cache=cache)
        assert (cache.hits, cache.misses) == (0, 4)
        for of in (large, small):
            assert isinstance(of.engine, RemoteEngine)
            of.engine.close()
    assert [row["rating"] for row in rows(tmp_path / "other")] == ["Safe", "Unsafe"]


def test_a_server_that_scores_otherwise_since_it_was_started_again_is_another_run(
    source: Path, card_alone: Path
) -> None:
    found = []
    for by_name in (True, True, False):
        with FakeServer(scores_by_name=by_name) as server:
            found.append(record_of(source, eyeward.load_guard(card_alone, engine=server.address, self_check="off")))
    ways = ("guard (continued_chat)", "guard (continued_chat)", "guard (continued_chat, likeliest tokens)")
    assert tuple(record.guard.served for record in found) == ways
    assert found[0] == found[1], "at another port the same model is the same run"
    assert found[0].fingerprint != found[2].fingerprint


def test_how_images_are_sent_to_a_server_is_part_of_the_run(source: Path, card_alone: Path) -> None:
    with FakeServer() as server:
        address = server.address.partition("#")[0]
        png_sent, jpeg_sent = (
            record_of(
                source,
                eyeward.load_guard(
                    card_alone,
                    engine=RemoteSettings(address=address, model="guard", image_format=form),
                    self_check="off",
                ),
            )
            for form in (ImageFormat.png, ImageFormat.jpeg)
        )
    assert png_sent.guard.settings["sent_images"].startswith("png, largest_side 2304")
    assert png_sent.decides(DEFAULT) != jpeg_sent.decides(DEFAULT)


def test_the_same_weights_that_read_images_otherwise_are_another_run(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    make_checkpoint(folder)
    EyewardCard(name="tiny").write(folder)
    before, again = (record_of(source, eyeward.load_guard(folder, self_check="off")) for _ in range(2))
    assert before == again
    file = folder / "preprocessor_config.json"
    file.write_text(file.read_text().replace("0.48", "0.50"), encoding="utf-8")
    after = record_of(source, eyeward.load_guard(folder, self_check="off"))
    assert after.guard.model == before.guard.model, "the revision is that of the weights"
    assert (after.fingerprint != before.fingerprint, after.decides(DEFAULT) != before.decides(DEFAULT)) == (True, True)
    changed = {name for name, digest in after.guard.settings.items() if digest != before.guard.settings[name]}
    assert changed == {"preprocessor_config.json"}
