"""The same guard in this process, behind a real vLLM, and in vLLM's process: the same verdicts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import eyeward
from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Split
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.servers import Scoring, ServerKind
from eyeward.evaluate.outcome import OutcomeKind
from eyeward.evaluate.questions import Ask, read_questions
from eyeward.evaluate.run import Run
from eyeward.evaluate.suites.attacks import plan_attacks
from eyeward.evaluate.suites.robustness import attack_report
from eyeward.guard import Request
from eyeward.guard.exporting import Exported, Target, export_guard
from eyeward.guard.loading import load_subject, packaged_guards
from eyeward.guard.self_check import faults
from eyeward.scenes.labels import write_scenes
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.train.from_scratch.export import write_checkpoint
from eyeward.train.tuning.finish import finish
from eyeward.verdict import Status, Verdict
from tests.train.tuning.small import tuning
from tests.vllm.serving import served, variables, vllm_environment

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

SCENES = 48
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return [paint(sample_scene(number, "test")) for number in range(SCENES)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_guard("mini", tmp_path_factory.mktemp("exported") / "mini", Target.vllm)


@pytest.fixture(scope="module")
def address(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(exported.serve, tmp_path_factory.mktemp("log") / "vllm.log") as root:
        yield f"{root}#mini"


@pytest.fixture(scope="module")
def remote(exported: Exported, address: str) -> Iterator[eyeward.Guard]:
    guard = load_subject(exported.folder, address).guard
    assert isinstance(guard.engine, RemoteEngine)
    yield guard
    guard.engine.close()


def local(dtype: str) -> eyeward.Guard:
    """Load mini here as it is behind a server: without its scope check."""
    return replace(eyeward.load_guard("mini", dtype=dtype), scope=None, scope_threshold=None)


def agree(ours: Sequence[Verdict], theirs: Sequence[Verdict], most: float) -> None:
    """Compare verdicts; a rating may differ only where it hangs on less than the tolerance."""
    assert [verdict.error for verdict in theirs] == [None] * len(ours)
    for mine, yours in zip(ours, theirs, strict=True):
        assert mine.p_unsafe is not None and yours.p_unsafe is not None and mine.threshold is not None
        assert abs(mine.p_unsafe - yours.p_unsafe) <= most
        if abs(mine.p_unsafe - mine.threshold) >= most:
            assert (mine.rating, mine.category) == (yours.rating, yours.category)


def test_the_server_is_recognised_with_what_it_can_do(remote: eyeward.Guard) -> None:
    engine = remote.engine
    assert isinstance(engine, RemoteEngine)
    assert (engine.server.kind, engine.scoring) == (ServerKind.vllm, Scoring.continued_chat)
    assert engine.capabilities.label_scores and engine.capabilities.context_length == 4096
    assert (engine.server.version or "").startswith("0.")


def test_all_of_the_self_check_but_the_scope_check_passes_over_the_server(exported: Exported, address: str) -> None:
    subject = load_subject(exported.folder, address)
    found = faults(subject)
    subject.close()
    assert len(found) == 1 and "scope check" in found[0]


def test_verdicts_are_those_of_the_local_engine(remote: eyeward.Guard, scenes: list[Image.Image]) -> None:
    ours = list(local("bfloat16").assess_many(scenes, "default", explain=True))
    theirs = list(remote.assess_many(scenes, "default", explain=True))
    agree(ours, theirs, 0.02)
    same = sum(mine.rationale == yours.rationale for mine, yours in zip(ours, theirs, strict=True))
    assert same >= 0.9 * len(scenes)  # a rationale of bfloat16 hangs on ties


def test_a_score_alone_is_the_score_with_a_rationale(remote: eyeward.Guard, scenes: list[Image.Image]) -> None:
    alone = list(remote.assess_many(scenes[:8], "default"))
    agree(alone, list(remote.assess_many(scenes[:8], "default", explain=True)), 0.02)
    assert all(verdict.rationale is None for verdict in alone)


def test_an_image_of_another_size_is_judged(remote: eyeward.Guard) -> None:
    wide = paint(sample_scene(3, "test")).resize((640, 200))
    assert remote.assess(wide, "default").status is Status.ok


def test_what_prompts_share_is_computed_once(remote: eyeward.Guard, scenes: list[Image.Image]) -> None:
    policy = eyeward.Policy.load("default")
    question = remote.profile.question(policy)
    prompt = remote.profile.prompt(question, scenes[0], False, remote.rule)
    (answer,) = remote.engine.judge([prompt])
    assert answer.tokens.cached > 5 * answer.tokens.computed


def test_the_attack_suite_works_on_a_server(remote: eyeward.Guard, tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 3, 5, split=Split.TEST)  # one of them is unsafe
    plan = plan_attacks(read_questions(tmp_path / "scenes").asks, 3)
    run = Run.open(tmp_path / "run", "scenes", plan.asks)
    run.ask("served", remote)
    outcomes = run.finish()["served"]
    (found,) = attack_report({"served": outcomes}, plan.variants, "scenes").guards
    assert found.clean_recall.count == 1
    refused = {variant.number for variant in plan.variants if variant.attack == "policy: name with chat marks"}
    failed = {outcome.question.number for outcome in outcomes if outcome.kind is OutcomeKind.failed}
    assert failed <= refused  # a mark of the model's own is refused before it is asked
    here = list(local("bfloat16").assess_requests(ask_request(ask) for ask in plan.asks[:60]))
    differ = sum(mine.rating is not there.verdict.rating for mine, there in zip(here, outcomes, strict=False))
    assert differ <= 3  # bfloat16, and changed pictures lie nearer to the threshold


def ask_request(ask: Ask) -> Request:
    """Return a question as a guard takes it."""
    return Request(ask.source, ask.policy, False, ask.question.image)


def in_process(folder: Path, output: Path, dtype: str) -> tuple[list[str], list[Verdict]]:
    """Judge the scenes with vLLM in a process of its own environment."""
    environment = vllm_environment()
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [
        str(environment / "bin" / "python"),
        *("-m", "tests.vllm.in_process", str(folder), str(output), "--scenes", str(SCENES), "--dtype", dtype),
    ]
    done = subprocess.run(
        command, env={**variables(environment), "PYTHONPATH": paths}, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(output.read_text(encoding="utf-8"))
    return said["self_check"], [Verdict.model_validate(verdict) for verdict in said["verdicts"]]


def test_a_checkpoint_as_training_writes_it_runs_in_vllm_as_it_is(scenes: list[Image.Image], tmp_path: Path) -> None:
    mini = packaged_guards()["mini"]
    checkpoint = load_checkpoint(mini, dtype="bfloat16")
    folder = tmp_path / "trained"
    tokenizer = checkpoint.tokenizer.backend_tokenizer
    write_checkpoint(checkpoint.model, tokenizer, folder, checkpoint.model.config.text_config.max_position_embeddings)
    for name in ("eyeward.json", "probes", "scope"):
        (folder / name).symlink_to(mini / name)
    check, theirs = in_process(folder, tmp_path / "verdicts.json", "float32")
    assert len(check) == 1 and "scope check" in check[0]
    ours = list(local("float32").assess_many(scenes, "default", explain=True))
    agree(ours, theirs, 1e-3)
    assert [verdict.rationale for verdict in theirs] == [verdict.rationale for verdict in ours]
    assert {verdict.model.engine for verdict in theirs if verdict.model} == {"vllm"}


def test_a_tuned_checkpoint_runs_in_vllm_as_it_is(scenes: list[Image.Image], tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", 16, 5)
    run = tuning(
        packaged_guards()["mini"],
        SampleFolder(tmp_path / "data"),
        tmp_path / "run",
        method="lora",
        order="policy_first",
        steps=2,
        learning_rate=1e-4,
    )
    folder = finish(run, run.train())
    assert folder is not None
    check, theirs = in_process(folder, tmp_path / "verdicts.json", "float32")
    assert not any("probe" in fault for fault in check), check
    tuned = eyeward.load_guard(folder, dtype="float32")
    ours = list(replace(tuned, scope=None, scope_threshold=None).assess_many(scenes, "default", explain=True))
    agree(ours, theirs, 1e-3)
    before = list(local("float32").assess_many(scenes, "default"))
    assert any(one.p_unsafe_raw != other.p_unsafe_raw for one, other in zip(before, theirs, strict=True))
