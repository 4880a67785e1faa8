"""`eyeward keys`."""

from __future__ import annotations

from pathlib import Path

import yaml
from typer.testing import CliRunner

from eyeward.cli.main import app
from eyeward.serve.keys import Keys

RUNNER = CliRunner()


def test_a_new_key_is_shown_once_and_its_entry_fits_the_file(tmp_path: Path) -> None:
    result = RUNNER.invoke(
        app, ["keys", "new", "web", "--policy", "children", "--role", "caller", "--role", "reviewer"]
    )
    assert result.exit_code == 0
    key = result.stderr.rpartition(" ")[2].strip()
    assert key.startswith("ew_")
    assert key not in result.stdout
    file = tmp_path / "keys.yaml"
    file.write_text(yaml.safe_dump({"keys": yaml.safe_load(result.stdout)}))
    principal = Keys(file).principal(key)
    assert (principal.name, principal.policies) == ("web", ("children",))
    assert sorted(principal.roles) == ["caller", "reviewer"]
    checked = RUNNER.invoke(app, ["keys", "check", str(file)])
    assert checked.exit_code == 0
    assert "web" in checked.stdout
    assert "children" in checked.stdout


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    assert RUNNER.invoke(app, ["keys", "new", "a b"]).exit_code == 2
    assert RUNNER.invoke(app, ["keys", "new", "a", "--role", "king"]).exit_code == 2
    assert RUNNER.invoke(app, ["keys", "check", str(tmp_path / "missing")]).exit_code == 2
