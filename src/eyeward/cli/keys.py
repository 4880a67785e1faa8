"""`eyeward keys`: keys of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from eyeward.cli.screen import counted, one_line

app = typer.Typer(help="Make and check the keys of `eyeward serve`.", no_args_is_help=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Stands in logs; letters, digits, '.', '_', '-', '@'.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="caller, policy_owner, reviewer or admin. May be given again. Default: caller."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="A policy that the key may use, NAME or NAME@VERSION. May be given again. Default: all."),
    ] = None,
    inline_policies: Annotated[
        bool, typer.Option("--inline-policies", help="Let it send policies along with images.")
    ] = False,
) -> None:
    """Make a key: standard output has the entry for the file, standard error the key itself, this once."""
    from pydantic import ValidationError

    from eyeward.errors import UsageError, described
    from eyeward.serve.keys import Key, hash_of, new_key

    made = new_key()
    try:
        entry = Key.model_validate(
            {
                "name": name,
                "sha256": hash_of(made),
                "roles": role or ["caller"],
                "policies": policy or [],
                "inline_policies": inline_policies,
            }
        )
    except ValidationError as problem:
        raise UsageError(f"There can be no such key: {described(problem)}.") from None
    typer.echo(yaml.safe_dump([entry.model_dump(mode="json", exclude_defaults=False)], sort_keys=False), nl=False)
    typer.echo(f"Put the lines above under `keys:` in the file of --keys. The key, shown this once: {made}", err=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of keys.")]) -> None:
    """Read a file of keys as the service does, and list who may do what."""
    from eyeward.serve.keys import KeyFile

    keys = KeyFile.read(file).keys
    for key in keys:
        policies = ", ".join(key.policies) or "all policies"
        inline = ", and policies sent along" if key.inline_policies else ""
        typer.echo(one_line(f"{key.name:<20} {', '.join(key.roles):<20} {policies}{inline}"))
    typer.echo(f"{counted(len(keys), 'key')}.", err=True)
