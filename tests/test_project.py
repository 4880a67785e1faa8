"""The project files agree with each other, and imports point downwards."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "eyeward"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = [
    line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
]

# The house of DESIGN, from the ground up; a part may import those of lower floors, and of its own.
FLOORS = [
    {"errors"},
    {"images", "policy", "publish", "verdict"},
    {"engine"},
    {"guard"},
    {"data", "scenes"},
    {"annotate", "evaluate", "moderate", "serve", "train"},
    {"cli"},
]
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}


def requirements(*extras: str) -> set[str]:
    lines = list(PROJECT["dependencies"]) if not extras else []
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    names = {re.split(r"[\[<>=~! ]", line)[0].lower() for line in lines}
    return names - {"eyeward"}


def test_the_extras_are_those_that_the_project_promises() -> None:
    assert set(PROJECT["optional-dependencies"]) == {
        "local",
        "spread",
        "data",
        "annotate",
        "store",
        "video",
        "lance",
        "train",
        "ray",
        "serve",
        "postgres",
        "moderate",
        "vllm",
        "nudenet",
        "bench",
        "dev",
    }


def test_every_dependency_has_a_line_with_its_reason_and_licence() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    named = {
        name
        for row in re.findall(r"^\| (`[^|]+`) \| \S[^|]* \| \S[^|]* \|$", page, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }
    assert named == requirements() | requirements(*PROJECT["optional-dependencies"])


def test_every_constraint_is_an_exact_pin() -> None:
    assert PINS
    assert [line for line in PINS if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []


def test_everything_that_ci_installs_is_pinned_and_nothing_of_cuda_or_torchvision_is() -> None:
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in PINS}
    extras = (
        "local",
        "data",
        "annotate",
        "store",
        "video",
        "lance",
        "train",
        "serve",
        "postgres",
        "moderate",
        "nudenet",
        "bench",
        "ray",
        "dev",
    )
    assert requirements() | requirements(*extras) <= pinned
    assert "torch==2.13.0" in PINS
    assert not [name for name in pinned if re.match(r"nvidia|cuda|triton|torchvision", name)]


def parts_imported_by(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"eyeward.{alias.name}" for alias in node.names] if node.module == "eyeward" else [node.module]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("eyeward.")}
    return found & FLOOR_OF.keys()


MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.parent != SOURCE)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_point_downwards(module: Path) -> None:
    part = module.parts[0]
    assert part in FLOOR_OF, f"{part} is not a part of the house in DESIGN"
    above = {other for other in parts_imported_by(SOURCE / module) if FLOOR_OF[other] > FLOOR_OF[part]}
    assert not above, f"{module} imports {', '.join(sorted(above))} from a floor above"


@pytest.mark.parametrize("module", sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")), ids=str)
def test_no_module_grows_past_500_lines(module: Path) -> None:
    assert len((SOURCE / module).read_text(encoding="utf-8").splitlines()) <= 500


def tree_of_the_readme() -> list[Path]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## The house")[1].split("```")[1]
    above: list[str] = []
    found = []
    for line in filter(None, block.splitlines()):
        entry = re.fullmatch(r"( *)(\S+) +\S.*|( *)(\S+/)", line)
        assert entry is not None, f"not a name with a gloss: {line!r}"
        indent, name = (entry[1] or entry[3] or ""), (entry[2] or entry[4])
        above = [*above[: len(indent) // 2], name]
        found.append(Path("".join(above)))
    return found


def test_the_tree_of_the_readme_shows_the_house_as_it_is() -> None:
    shown = tree_of_the_readme()
    assert [str(path) for path in shown if not (ROOT / path).exists()] == []
    assert len(shown) == len(set(shown))
    opened = {path.parent for path in shown}
    modules = {
        path.relative_to(ROOT)
        for path in SOURCE.rglob("*")
        if path.parent.relative_to(ROOT) in opened
        and (path.suffix == ".py" or path.is_dir())
        and path.name not in ("__init__.py", "__main__.py", "__pycache__")
    }
    assert sorted(map(str, modules - set(shown))) == []


def test_a_gloss_in_the_tree_of_the_readme_has_at_most_eight_words() -> None:
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("## The house")[1].split("```")[1]
    assert [line for line in block.splitlines() if len(line.split()) > 9] == []


def test_the_commands_of_the_readme_write_nothing_beside_the_sources() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    written = re.findall(r"(?:^eyeward .* > |--out )(\S+)", text, re.MULTILINE)
    assert written
    assert [path for path in written if not path.startswith("runs/")] == []


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (folder / link).exists()] == []
