"""Read policies out of published prompts: plain text, Markdown, Python source, dataset rows.

Everything is read as data; Python source is parsed and never run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from eyeward.errors import PolicyError
from eyeward.policy.blocks import header_of, plain, scan, stance_of
from eyeward.policy.lines import LineRole, RenderedLine
from eyeward.policy.schema import Category, Policy, Stance
from eyeward.verdict import NA

IMAGE_MARK = "<image>"
"""Where a training prompt had the image; it is no part of the policy text."""


@dataclass(frozen=True)
class PromptText:
    """Text that may hold a prompt, and the line of its file that it starts on."""

    text: str
    line: int
    in_lines: bool = True
    """Whether a line of the text is a line of the file; not so for text in JSON and for most of Python."""
    exact: bool = True
    """Whether the text is a prompt as it stands, and not put together here."""


@dataclass(frozen=True)
class ImportedPolicy:
    """A policy that was found, where it starts, how often it occurs and what a reader should know."""

    policy: Policy
    line: int
    count: int = 1
    notes: tuple[str, ...] = ()


@dataclass
class _Block:
    id: str
    name: str
    line: int
    stance: Stance = Stance.enforced
    rules: dict[LineRole, list[str]] = field(default_factory=dict)
    stray: int | None = None
    """The line of a bullet that stands in no list."""


def import_file(path: str | PathLike[str], keep_verbatim: bool = False) -> tuple[ImportedPolicy, ...]:
    """Return every different policy in a file, in the order of their first occurrence.

    `.py` is read as Python source, `.md` as Markdown, `.json` and `.jsonl` as dataset rows, anything else as text.
    With `keep_verbatim` a policy carries the exact prompt that it was read from, less the mark `<image>` and less the
    line break at the end of a file. Where that is not known, it carries none, and a note says why.

    Raises:
        PolicyError: with file and line, when the file cannot be read or holds no policy.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError("The file is not UTF-8 text; export Parquet rows as JSON lines first.", file) from None
    except OSError as problem:
        raise PolicyError(f"The file cannot be read: {problem.strerror or problem}.", file) from problem
    text = text.removesuffix("\n")  # editors put it there
    return import_text(text, file.suffix.lower(), _slug(file.stem), keep_verbatim, file)


def import_text(
    text: str,
    suffix: str = ".txt",
    name: str = "imported",
    keep_verbatim: bool = False,
    file: str | PathLike[str] | None = None,
) -> tuple[ImportedPolicy, ...]:
    """Return every different policy in a text; `suffix` says what kind of text it is, as in `import_file`."""
    if suffix == ".py":
        from eyeward.policy.python_source import prompts_in_python

        prompts = prompts_in_python(text, file)
    elif suffix in (".json", ".jsonl"):
        prompts = _prompts_in_rows(_rows(text, suffix, file))
    elif suffix in (".md", ".markdown"):
        prompts = _prompts_in_markdown(text)
    else:
        prompts = iter([PromptText(text, 1)])
    return _imported(prompts, name, keep_verbatim, file)


def import_row(row: Mapping[str, object], name: str = "imported", keep_verbatim: bool = False) -> ImportedPolicy:
    """Return the policy in one dataset row, as `json` or a Parquet reader gives it.

    Raises:
        PolicyError: when no text in the row holds a policy.
    """
    return _imported(_prompts_in_rows([(dict(row), 1)]), name, keep_verbatim, None)[0]


def choose(found: tuple[ImportedPolicy, ...], pick: int | None, file: str | PathLike[str] | None) -> ImportedPolicy:
    """Return the only policy, or number `pick` (from 1).

    Raises:
        PolicyError: when there are several and `pick` does not say which.
    """
    if pick is None and len(found) == 1:
        return found[0]
    if pick is not None and 1 <= pick <= len(found):
        return found[pick - 1]
    if len(found) == 1:
        raise PolicyError(f"The file holds one policy, on line {found[0].line}; pick no number, or 1.", file)
    times = ["once" if one.count == 1 else f"{one.count} times" for one in found[:9]]
    shown = "; ".join(f"{n} on line {one.line} ({times[n - 1]})" for n, one in enumerate(found[:9], start=1))
    more = " and more" if len(found) > 9 else ""
    raise PolicyError(f"The file holds {len(found)} different policies: {shown}{more}; pick one by its number.", file)


def _imported(
    prompts: Iterable[PromptText], name: str, keep_verbatim: bool, file: str | PathLike[str] | None
) -> tuple[ImportedPolicy, ...]:
    found: dict[str, ImportedPolicy] = {}
    for prompt in prompts:
        documents = list(_documents(prompt))
        obstacle = _obstacle(prompt, len(documents)) if keep_verbatim else None
        for blocks in documents:
            policy = _policy(blocks, name, prompt.text if keep_verbatim and obstacle is None else None, file)
            known = found.get(policy.hash)
            count = 1 if known is None else known.count + 1
            line = blocks[0].line if known is None else known.line
            found[policy.hash] = ImportedPolicy(policy, line, count, _notes(blocks, obstacle))
    if not found:
        message = "There is no policy here; one looks like 'O1: Name:' with '- ' rules under 'Should not:' and 'Can:'."
        raise PolicyError(message, file)
    return tuple(found.values())


def _obstacle(prompt: PromptText, documents: int) -> str | None:
    """Return why the exact text of a policy is not known, or None."""
    if not prompt.exact:
        return "The policy is put together from a dict, so there is no exact prompt to keep verbatim."
    if documents > 1:
        return (
            f"The text holds {documents} prompts and does not mark where one ends, so none can be kept verbatim; put "
            "each into a file of its own."
        )
    return None


def _documents(prompt: PromptText) -> Iterator[list[_Block]]:
    """Yield the blocks of each prompt in a text; an id that comes again starts the next prompt."""
    blocks: list[_Block] = []
    for offset, line in enumerate(scan(prompt.text)):
        number = prompt.line + offset if prompt.in_lines else prompt.line
        header = header_of(line.text) if line.role is LineRole.HEADER else None
        if header is not None:
            if any(block.id == header[0] for block in blocks):
                yield from _with_rules(blocks)
                blocks = []
            if header[0] != NA.partition(":")[0]:
                blocks.append(_Block(header[0], header[1], number))
        elif blocks:
            _read_line(blocks[-1], line, number)
    yield from _with_rules(blocks)


def _with_rules(blocks: list[_Block]) -> Iterator[list[_Block]]:
    if any(block.rules or block.stance is not Stance.enforced for block in blocks):
        yield blocks


def _read_line(block: _Block, line: RenderedLine, number: int) -> None:
    if line.role is LineRole.DECLARATION:
        block.stance = stance_of(line.text) or block.stance
    elif line.role in (LineRole.SHOULD_NOT, LineRole.CAN, LineRole.EXAMPLE):
        rules = block.rules.setdefault(line.role, [])
        if line.rule is not None:
            rules.append(line.rule.replace("\t", " "))
        elif rules:
            rules[-1] += " " + line.text.strip()
    elif line.role is LineRole.START and block.stray is None and re.match(r"\s*[-*+•]\s", line.text):
        block.stray = number


def _policy(blocks: list[_Block], name: str, verbatim: str | None, file: str | PathLike[str] | None) -> Policy:
    categories = []
    for block in blocks:
        if block.stray is not None:
            message = f"This line of {block.id} stands in no list; put 'Should not:' or 'Can:' above it."
            raise PolicyError(message, file, block.stray)
        try:
            categories.append(
                Category(
                    id=block.id,
                    name=block.name,
                    should_not=(*block.rules.get(LineRole.SHOULD_NOT, ()), *block.rules.get(LineRole.EXAMPLE, ())),
                    can=tuple(block.rules.get(LineRole.CAN, ())),
                    stance=block.stance,
                )
            )
        except PolicyError as problem:
            raise PolicyError(problem.message, file, block.line) from None
    text = None if verbatim is None else without_image_mark(verbatim)
    return Policy(name=name, version=1, categories=tuple(categories), verbatim=text)


def without_image_mark(prompt: str) -> str:
    """Return a prompt without `<image>` and the line break that goes with it."""
    return re.sub(rf"\n{IMAGE_MARK}(?=\n|$)|^{IMAGE_MARK}\n?", "", prompt).replace(IMAGE_MARK, "")


def _notes(blocks: list[_Block], obstacle: str | None) -> tuple[str, ...]:
    notes = [] if obstacle is None else [obstacle]
    declared = [block.id for block in blocks if block.rules.get(LineRole.EXAMPLE)]
    if declared:
        notes.append(
            f"The examples of {', '.join(declared)} stand under should_not: a prompt does not say which of them were "
            "allowed before the category was declared."
        )
    stopped = [block.id for block in blocks if block.name.endswith(".")]
    if stopped:
        notes.append(
            f"The full stop after {', '.join(stopped)} was taken for a part of the name, and guards write it so; take "
            "it away unless it belongs there."
        )
    return tuple(notes)


def _prompts_in_markdown(text: str) -> Iterator[PromptText]:
    """Yield fenced blocks that hold a whole prompt; without any, the page itself."""
    fenced = list(_fences(text))
    whole = [block for block in fenced if next(_documents(block), None) is not None]
    yield from whole or [PromptText(text, 1)]


def _fences(text: str) -> Iterator[PromptText]:
    inside: list[str] | None = None
    mark, start = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        found = re.match(r"\s*(`{3,}|~{3,})", line)
        if inside is None and found is not None:
            inside, mark, start = [], found[1], number + 1
        elif inside is not None and line.strip() == mark:
            yield PromptText("\n".join(inside), start)
            inside = None
        elif inside is not None:
            inside.append(line)


def _rows(text: str, suffix: str, file: str | PathLike[str] | None) -> Iterator[tuple[object, int]]:
    if suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield _json(line, number, file), number
        return
    content = _json(text, 1, file)
    if isinstance(content, list):
        yield from _elements(text)
    else:
        yield content, 1


def _elements(array: str) -> Iterator[tuple[object, int]]:
    """Yield the elements of a valid JSON array, each with the line that it starts on."""
    decoder, start = json.JSONDecoder(), array.index("[") + 1
    line = 1 + array.count("\n", 0, start)
    while array[start] != "]":
        if array[start] in " \t\r\n,":
            line += array[start] == "\n"
            start += 1
            continue
        element, end = decoder.raw_decode(array, start)
        yield element, line
        line += array.count("\n", start, end)
        start = end


def _json(text: str, line: int, file: str | PathLike[str] | None) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        raise PolicyError(f"This is not valid JSON: {problem.msg}.", file, line + problem.lineno - 1) from None
    except RecursionError:
        raise PolicyError("This JSON is nested too deeply to be a dataset row.", file, line) from None


def _prompts_in_rows(rows: Iterable[tuple[object, int]]) -> Iterator[PromptText]:
    for row, line in rows:
        for text in _texts(row):
            if "\n" in text:
                yield PromptText(text, line, in_lines=False)


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a row: LLaVA conversations, chat messages with parts, plain columns."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", plain(name).lower()).strip("-") or "imported"
