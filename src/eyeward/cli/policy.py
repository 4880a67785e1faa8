"""`eyeward policy`: show, check, compare, render and import policies."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from eyeward.cli.policy_options import POLICY_HELP, NonViolating, Only, Sensitive, chosen_policy
from eyeward.errors import PolicyError
from eyeward.policy import EYEWARD, PUBLISHED_2024, PUBLISHED_2025, Policy, PromptWording, Stance, render
from eyeward.policy.importer import choose, import_file
from eyeward.policy.lint import Level, lint_file
from eyeward.policy.loading import pack_names

app = typer.Typer(help="Show, check, compare, render and import policies.", no_args_is_help=True)

FOUND_SOMETHING = 1
"""Exit code of `lint` with errors, and of `diff --exit-code` with differences."""


class Form(StrEnum):
    """The words around the rules of a prompt."""

    eyeward = "eyeward"
    published_2025 = "published-2025"
    published_2024 = "published-2024"


_WORDINGS: dict[Form, PromptWording] = {
    Form.eyeward: EYEWARD,
    Form.published_2025: PUBLISHED_2025,
    Form.published_2024: PUBLISHED_2024,
}

PolicyName = Annotated[str, typer.Argument(metavar="POLICY", help=POLICY_HELP)]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@app.command("list")
def list_packs(as_json: AsJson = False) -> None:
    """List the policies that ship with Eyeward."""
    policies = [Policy.load(name) for name in pack_names()]
    if as_json:
        typer.echo(json.dumps([policy.ref.model_dump() for policy in policies], indent=2))
        return
    for policy in policies:
        rules = sum(len(category.rules) for category in policy.categories)
        summary = f"{len(policy.categories)} categories, {rules} rules"
        typer.echo(f"{policy.name:<10} v{policy.version}  {policy.hash[:12]}  {summary}")


@app.command()
def show(name: PolicyName, as_json: AsJson = False) -> None:
    """Show the categories of a policy with their rules and stances."""
    policy = Policy.load(name)
    if as_json:
        typer.echo(json.dumps({"hash": policy.hash, **policy.model_dump(mode="json")}, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{policy.name} v{policy.version}  {policy.hash}")
    if policy.verbatim is not None:
        typer.echo("carries the exact text of a prompt (see `eyeward policy render`)")
    if policy.wording:
        typer.echo("is asked in words of its own (see `eyeward policy render`)")
    for category in policy.categories:
        stance = "" if category.stance is Stance.enforced else f"  [{category.stance}]"
        typer.echo(f"\n{category.label}{stance}")
        for mark, rules in (("-", category.should_not), ("+", category.can)):
            for rule in rules:
                typer.echo(f"  {mark} {rule}")
    typer.echo("\n- should not   + can")


@app.command()
def lint(
    names: Annotated[list[str], typer.Argument(metavar="POLICY…", help=POLICY_HELP)],
    checkpoint: Annotated[
        str | None,
        typer.Option(help="A guard that ships or a checkpoint folder: also check that the prompt fits its context."),
    ] = None,
    form: Annotated[
        Form | None, typer.Option(help="The form that is measured with --checkpoint; default: the checkpoint's own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check policies; the exit code is 1 when there is an error."""
    count_tokens, context_length, wording = None, None, EYEWARD
    if checkpoint is not None:
        from eyeward.guard import EyewardCard, packaged_guards
        from eyeward.policy.token_count import token_counter

        folder = packaged_guards().get(checkpoint, Path(checkpoint))
        count_tokens, context_length = token_counter(folder)
        wording = EyewardCard.read(folder).wording if form is None else _WORDINGS[form]
    findings = [finding for name in names for finding in lint_file(name, count_tokens, context_length, wording)]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    for finding in () if as_json else findings:
        typer.echo(str(finding))
    if not findings:
        typer.echo("No findings.", err=True)
    if any(finding.level is Level.error for finding in findings):
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help=POLICY_HELP)],
    new: Annotated[str, typer.Argument(help=POLICY_HELP)],
    as_json: AsJson = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 when they differ.")] = False,
) -> None:
    """Say what changes for a reader who goes from OLD to NEW."""
    changes = Policy.load(old).diff(Policy.load(new))
    typer.echo(changes.to_json() if as_json else changes.to_text(), nl=as_json)
    if exit_code and changes:
        raise typer.Exit(FOUND_SOMETHING)


@app.command("render")
def render_policy(
    name: PolicyName,
    form: Annotated[Form, typer.Option(help="Ours, or the form of released LlavaGuard checkpoints.")] = Form.eyeward,
    non_violating: NonViolating = None,
    sensitive: Sensitive = None,
    only: Only = None,
    as_json: AsJson = False,
) -> None:
    """Print the prompt text that a guard reads; with --json, every line with its role and place."""
    policy = chosen_policy(name, non_violating, sensitive, only)
    rendered = render(policy, _WORDINGS[form])
    if as_json:
        lines = [asdict(line) for line in rendered.lines]
        typer.echo(json.dumps({"hash": policy.hash, "text": rendered.text, "lines": lines}, indent=2))
    else:
        typer.echo(rendered.text)


@app.command("import")
def import_policy(
    file: Annotated[Path, typer.Argument(help="Text, Markdown, Python (never run), JSON or JSON lines.")],
    name: Annotated[str, typer.Option(help="Name of the policy; default: from the file's name.")] = "",
    verbatim: Annotated[bool, typer.Option("--verbatim", help="Keep the exact prompt text in the policy.")] = False,
    pick: Annotated[int | None, typer.Option(min=1, help="Which policy, when the file holds several.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the YAML here instead of on standard output.")] = None,
) -> None:
    """Read a policy out of a published prompt and write it as YAML."""
    found = choose(import_file(file, keep_verbatim=verbatim), pick, file)
    policy = found.policy.renamed(name) if name else found.policy
    if verbatim and policy.verbatim is None:
        raise PolicyError(found.notes[0], file, found.line)
    for note in found.notes:
        typer.echo(note, err=True)
    if out is None:
        typer.echo(policy.to_yaml(), nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as yaml:
            yaml.write(policy.to_yaml())
    except FileExistsError:
        raise PolicyError(f"{str(out)!r} exists and is not overwritten; name another file or remove it.") from None
    except OSError as problem:
        raise PolicyError(f"The policy cannot be written to {str(out)!r}: {problem.strerror}.") from problem
