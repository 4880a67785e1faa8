"""`eyeward models`: list and show the guards that can be loaded by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from eyeward.errors import CheckpointError, UsageError
from eyeward.guard import EyewardCard, packaged_guards

app = typer.Typer(help="List and show the guards that can be loaded by name.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the guards that ship inside."""
    found = [_facts(name, folder) for name, folder in packaged_guards().items()]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found:
        typer.echo("No guards ship inside this copy; name a folder or a Hub id instead.", err=True)
    for facts in found:
        typer.echo(f"{facts['name']:<12} {facts['megabytes']:>7.1f} MB  {facts['summary']}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A guard that ships inside, or a folder.")],
    as_json: AsJson = False,
) -> None:
    """Show how a guard is asked and how far it may be trusted; weights are not loaded.

    Raises:
        UsageError: when there is no such guard on this machine.
    """
    folder = packaged_guards().get(name, Path(name))
    if not (folder / "config.json").is_file():
        inside = ", ".join(packaged_guards()) or "none"
        raise UsageError(f"There is no guard {name!r} on this machine; inside are {inside}. A folder works too.")
    facts = _facts(name, folder)
    card = EyewardCard.read(folder, folder.name)
    if as_json:
        typer.echo(json.dumps({**facts, "card": card.model_dump(mode="json")}, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{facts['name']}: {facts['summary']}")
    lines = {
        "folder": facts["folder"],
        "weights": f"{facts['megabytes']:.1f} MB, {facts['architecture']}, context {facts['context_length']} tokens",
        "profile": f"{card.profile}, {card.order.replace('_', ' ')}",
        "answer": f"{card.answer.rating_key} ({card.answer.safe} or {card.answer.unsafe}), {card.answer.category_key}, "
        f"{card.answer.rationale_key}",
        "reads": "any words" if card.vocabulary == "any" else "only words that it has met in training",
        "threshold": f"{card.threshold:g}"
        + (f", review from {card.review_band[0]:g} to {card.review_band[1]:g}" if card.review_band else ""),
        "calibration": ", ".join(
            f"{id} {platt.scale:.3g} x + {platt.shift:.3g}"
            for id, platt in (("all", card.calibration.default), *sorted(card.calibration.categories.items()))
        ),
        "scope check": f"distance up to {card.scope.threshold:g}" if card.scope else "none: it judges any image",
        "probes": f"{len(card.probes)} images with known answers, asked at every load",
    }
    for key, value in lines.items():
        typer.echo(f"  {key:<12} {value}")


def _facts(name: str, folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / 'config.json'} cannot be read: {error}.") from error
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return {
        "name": name,
        "summary": _first_line(folder / "README.md"),
        "folder": str(folder),
        "megabytes": round(weights / 1e6, 1),
        "architecture": config.get("model_type"),
        "context_length": config.get("text_config", {}).get("max_position_embeddings"),
    }


def _first_line(model_card: Path) -> str:
    """Return the first line of prose of a model card, without its front matter and headings."""
    if not model_card.is_file():
        return "no model card"
    lines = model_card.read_text(encoding="utf-8").splitlines()
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    return next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "no model card")
