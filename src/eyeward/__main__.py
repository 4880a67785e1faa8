"""`python -m eyeward`, which is also what launchers of many processes start."""

from eyeward.cli.main import app

app()
