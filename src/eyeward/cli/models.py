"""`eyeward models`: the guards that can be loaded by name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from eyeward.cli.models_check import check
from eyeward.cli.models_diff import diff
from eyeward.cli.models_export import export
from eyeward.cli.models_push import push
from eyeward.cli.policy_options import POLICY_HELP
from eyeward.cli.screen import counted, one_line
from eyeward.errors import UsageError
from eyeward.guard import Coverage, EyewardCard, packaged_guards
from eyeward.guard.forms import AnswerWording
from eyeward.policy import Policy

app = typer.Typer(help="List, show, check, compare, export and publish guards.", no_args_is_help=True)
app.command()(check)
app.command()(diff)
app.command()(export)
app.command()(push)

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@dataclass(frozen=True)
class Listed:
    """A guard in a list."""

    name: str
    about: str | None
    """What it says of itself in its card, or the first line of its README."""
    bytes: int
    """Size of its weights."""


@dataclass(frozen=True)
class Described:
    """Everything about a guard that its folder says without loading it, and what it covers where that was asked."""

    name: str
    about: str | None
    folder: str
    revision: str
    """As verdicts have it: the commit on the Hub, else the SHA-256 of the weights."""
    bytes: int
    profile: str
    prompt_order: str
    answer: AnswerWording
    vocabulary: str
    trained_to_judge: bool
    threshold: float
    review_band: tuple[float, float] | None
    calibrated: bool
    scope_check: bool
    probe_images: int
    coverage: Coverage | None = None


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the guards that ship with Eyeward."""
    guards = [
        Listed(name, EyewardCard.read(folder).about or _first_line(folder), _weight_bytes(folder))
        for name, folder in packaged_guards().items()
    ]
    if as_json:
        typer.echo(json.dumps([asdict(guard) for guard in guards], indent=2))
        return
    for guard in guards:
        typer.echo(f"{guard.name:<10} {_megabytes(guard.bytes):>8}  {one_line(guard.about or 'no model card')}")
    if not guards:
        typer.echo("No guard ships in this installation.", err=True)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="MODEL", help="A guard that ships, a folder, or a Hub id, which is fetched.")
    ],
    policy: Annotated[
        str | None, typer.Option(help="Load the guard too, and say what of this policy it can read. " + POLICY_HELP)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a guard is asked and how it answers, its size and revision, and what it can read."""
    asked = None if policy is None else Policy.load(policy)
    described = _describe(name, asked)
    if as_json:
        typer.echo(json.dumps(_as_json(described), indent=2))
        return
    for key, value in _lines(described, asked):
        typer.echo(f"{key:<14}{one_line(value)}")


def _describe(name: str, policy: Policy | None) -> Described:
    import eyeward
    from eyeward.engine.local.checkpoint import find_folder, sha256_of, weight_files
    from eyeward.engine.local.preparation import read_json

    inside = packaged_guards()
    if name not in inside and "/" not in name and not Path(name).exists():
        raise UsageError(f"There is no guard {name!r}. Guards that ship inside: {', '.join(inside) or 'none'}.")
    folder, commit = find_folder(inside.get(name) or name)
    read_json(folder / "config.json")  # a folder without one is no checkpoint
    card = EyewardCard.read(folder, None if Path(name).expanduser().is_dir() else name)
    return Described(
        name=card.name,
        about=card.about or _first_line(folder),
        folder=str(folder),
        revision=commit or sha256_of(weight_files(folder)),
        bytes=_weight_bytes(folder),
        profile=card.profile,
        prompt_order=card.order.value,
        answer=card.answer,
        vocabulary=card.vocabulary.value,
        trained_to_judge=card.trained_to_judge,
        threshold=card.threshold,
        review_band=card.review_band,
        calibrated=card.calibration != type(card.calibration)(),
        scope_check=card.scope is not None,
        probe_images=len(card.probes),
        coverage=None if policy is None else eyeward.load_guard(name).coverage(policy),
    )


def _as_json(described: Described) -> dict[str, object]:
    facts: dict[str, object] = {**vars(described), "answer": described.answer.model_dump(mode="json")}
    coverage = described.coverage
    if coverage is not None:
        facts["coverage"] = {**asdict(coverage), "unknown_words": dict(coverage.unknown_words)}
    return facts


def _lines(described: Described, policy: Policy | None) -> list[tuple[str, str]]:
    answer = described.answer
    keys = f"{answer.rating_key} ({answer.safe} | {answer.unsafe}), {answer.category_key}, {answer.rationale_key}"
    layout = "on one line" if answer.indent is None else f"indented by {answer.indent}"
    band = described.review_band
    lines = [
        ("name", described.name),
        ("about", described.about or "no model card"),
        ("folder", described.folder),
        ("revision", described.revision),
        ("size", _megabytes(described.bytes)),
        ("profile", described.profile),
        ("prompt order", described.prompt_order.replace("_", " ")),
        ("answer", f"JSON {layout}: {keys}"),
        (
            "reads",
            "any word" if described.vocabulary == "any" else "words that it has met; a policy with others is Review",
        ),
        ("ratings", "learned from verdicts" if described.trained_to_judge else "guesses: it has seen no verdict"),
        ("threshold", f"{described.threshold:g}" + (", calibrated" if described.calibrated else ", not calibrated")),
        ("review band", "none" if band is None else f"{band[0]:g} to {band[1]:g}"),
        ("scope check", "images unlike its training are Review" if described.scope_check else "none"),
        (
            "self check",
            f"{counted(described.probe_images, 'probe image')} at every load"
            if described.probe_images
            else "no probe images; `eyeward models check` asks what else can be asked",
        ),
    ]
    if described.coverage is not None and policy is not None:
        lines += _coverage_lines(described.coverage, policy)
    return lines


def _coverage_lines(coverage: Coverage, policy: Policy) -> list[tuple[str, str]]:
    asked = f"policy {policy.name} v{policy.version}"
    lines = [("can judge", f"{', '.join(coverage.covered) or 'nothing'} ({asked})")]
    if coverage.not_covered:
        which = "every image is" if coverage.unknown_words else "what would be Safe is"
        lines.append(("cannot judge", f"{', '.join(coverage.not_covered)}; under this policy {which} for Review"))
    if coverage.partly:
        lines.append(("sees in part", ", ".join(coverage.partly)))
    for id, words in coverage.unknown_words.items():
        lines.append((f"never met {id}", ", ".join(words)))
    return lines


def _first_line(folder: Path) -> str | None:
    """Return the first line of a model card that is not blank, after its front matter."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    lines = card.read_text(encoding="utf-8", errors="replace").splitlines()
    if lines and lines[0].strip() == "---":
        closing = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
        lines = lines[closing + 1 :]
    return next((line.strip().lstrip("# ") for line in lines if line.strip()), None)


def _weight_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("model*.safetensors"))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
