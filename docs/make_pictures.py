"""Make the pictures of the README: a contact sheet of scenes, and what the command line really prints.

    python docs/make_pictures.py            both
    python docs/make_pictures.py scenes     only docs/pictures/scenes.png; needs no weights
    python docs/make_pictures.py assess     only docs/pictures/assess.svg

The commands run in a pseudo-terminal, as they would for a person; nothing of what they print is edited.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

from eyeward.scenes.contact_sheet import contact_sheet
from eyeward.scenes.labels import write_scenes
from eyeward.scenes.reserve import Split

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
COLUMNS = 126
COMMANDS = (
    "eyeward assess examples/images",
    "eyeward assess examples/images/armed_person.png examples/images/fist_fight.png --non-violating O6",
)
SCENES, SEED = 40, 1


def scenes() -> None:
    """Draw scenes of the test split into one picture with few colours."""
    with tempfile.TemporaryDirectory() as folder:
        labels = write_scenes(Path(folder), SCENES, SEED, split=Split.TEST)
        sheet = contact_sheet(Path(folder), labels)
    few = sheet.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(PICTURES / "scenes.png", optimize=True)


def assess() -> None:
    """Run the commands and keep their screen as an SVG."""
    screen = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for command in COMMANDS:
        screen.print(Text(f"$ {command}", style="bold"), end="\n\n")
        screen.print(Text.from_ansi(_printed_by(command)), end="\n\n")
    svg = screen.export_svg(title="eyeward", unique_id="eyeward")
    # Rich would have the reader's browser fetch a font from elsewhere; any monospaced one does.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (PICTURES / "assess.svg").write_text(svg, encoding="utf-8")


def _printed_by(command: str) -> str:
    """Run a command of this checkout's `eyeward` with a terminal as its standard output; return what it wrote.

    What went to standard error comes last, as it does on a screen: the progress bar before it is gone by then.

    Raises:
        SystemExit: when the command fails, with what it said.
    """
    arguments = shlex.split(command)[1:]
    reading, writing = pty.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "LINES")}
    environment |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    running = subprocess.Popen(
        [sys.executable, "-c", "from eyeward.cli.main import app; app(prog_name='eyeward')", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    printed = b""
    while True:
        try:
            piece = os.read(reading, 65536)
        except OSError:  # how Linux says that the other end of a pseudo-terminal is closed
            break
        if not piece:
            break
        printed += piece
    os.close(reading)
    _, said = running.communicate()
    if running.returncode:
        raise SystemExit(f"`{command}` ended with exit code {running.returncode}:\n{said.decode(errors='replace')}")
    return f"{printed.decode()}{said.decode()}".replace("\r\n", "\n").strip("\n")


def main() -> None:
    """Make what was asked for."""
    makers = {"scenes": scenes, "assess": assess}
    wanted = sys.argv[1:] or list(makers)
    if unknown := sorted(set(wanted) - makers.keys()):
        raise SystemExit(f"There is no picture {', '.join(unknown)}; choose from {', '.join(makers)}.")
    PICTURES.mkdir(exist_ok=True)
    for name in wanted:
        makers[name]()


if __name__ == "__main__":
    main()
