"""What files hold, by kind: each kind that may leave is looked into, everything else is refused by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from eyeward.errors import ImageError
from eyeward.images.formats import sniff
from eyeward.publish.leaving import Leaving, Refusal
from eyeward.publish.secret_marks import secret_inside, secret_name

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_TEXTS = (".md", ".txt", ".json", ".yaml", ".yml", ".svg")
DATA_KINDS = frozenset((*IMAGES, *_TEXTS, ".parquet", ".jsonl", ".csv", ".tsv", ".xml"))
MODEL_KINDS = frozenset((*IMAGES, *_TEXTS, ".safetensors", ".jinja", ".model"))
"""Endings that are expected in a repository with data, and with a model."""
_WITHOUT_ENDING = frozenset(("LICENSE", "LICENCE", "NOTICE", ".gitattributes"))

_PICKLES = frozenset(
    (
        *(".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".hdf5", ".keras"),
        *(".msgpack", ".dill", ".mar", ".nemo"),
    )
)
_PROGRAMS = frozenset(
    (
        *(".py", ".pyc", ".pyo", ".pyd", ".ipynb", ".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".exe", ".dll"),
        *(".so", ".dylib", ".js", ".mjs", ".ts", ".html", ".htm", ".wasm", ".jar", ".class", ".rb", ".pl", ".php"),
        *(".lua", ".r", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".go", ".rs", ".whl", ".egg", ".msi", ".apk"),
        *(".app", ".com", ".scr", ".vbs", ".service"),
    )
)
_ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".iso", ".dmg"))
_SCRIPT = re.compile(
    r"<\s*(?:script|foreignObject|iframe|!ENTITY)|\bon[a-z]+\s*=|javascript:|@import|=\s*[\"']?https?:",
    re.IGNORECASE,
)
_NAMESPACE = re.compile(r"\bxmlns(?::\w+)?\s*=\s*[\"']http[^\"']*[\"']")
_OF_THIS_MACHINE = re.compile(
    r"(?:/(?:home|root|Users|mnt|media|srv|tmp|var|opt|data|scratch|work|workspace)/|[A-Za-z]:\\)\S*"
)
_LARGEST_SETTINGS = 4 << 20
_NO_SETTINGS = ("tokenizer.json", "vocab.json")
"""JSON in which a text that looks like a path is a token."""
_LARGEST_HEADER = 100_000_000


def content_refusals(folder: Path, files: Collection[Leaving], kinds: Collection[str]) -> Iterator[Refusal]:
    """Look into every file, and yield why those that may not leave may not."""
    for file in files:
        try:
            sentence = _name_refused(file.name, kinds) or _inside_refused(folder / file.name)
        except OSError as problem:
            sentence = f"cannot be read: {problem.strerror or problem}; mend its permissions or take it away."
        if sentence is not None:
            yield Refusal(file.name, sentence)


def _name_refused(name: str, kinds: Collection[str]) -> str | None:
    path = Path(name)
    ending = path.suffix.lower()
    if secret_name(name):
        return "is called like a file with a secret; take it away, or give it another name."
    if ending in _PICKLES:
        return "can run code when somebody loads it; save weights as .safetensors, data as .parquet, and take it away."
    if ending in _PROGRAMS:
        return "is a program; keep those in a repository for code, and take it away."
    if ending in _ARCHIVES:
        return "is an archive, and nobody sees what is in it; unpack it, or take it away."
    if ending not in kinds and path.name not in _WITHOUT_ENDING:
        return f"is of a kind that is not expected here ({', '.join(sorted(kinds))}); take it away."
    return None


def _inside_refused(file: Path) -> str | None:
    ending = file.suffix.lower()
    if file.stat().st_size == 0:
        return "is empty; write it again, or take it away."
    if ending in IMAGES:
        return _image_refused(file)
    check = {".parquet": _parquet_refused, ".safetensors": _weights_refused, ".model": _never_refused}.get(ending)
    return (check or _text_refused)(file)


def _never_refused(file: Path) -> str | None:
    """Take a tokenizer of sentencepiece, which is a message of numbers and words."""
    return None


def _image_refused(file: Path) -> str | None:
    with file.open("rb") as stream:
        start = stream.read(16)
    try:
        sniff(file.name, start)
    except ImageError:
        return "is called an image and is none; take it away."
    return None


def _parquet_refused(file: Path) -> str | None:
    with file.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(0, file.stat().st_size - 4))
        end = stream.read(4)
    return None if start == end == b"PAR1" else "is called Parquet and is none, or is cut; write it again."


def _weights_refused(file: Path) -> str | None:
    """Read the header of safetensors: a size, JSON with the place of each tensor, and nothing behind the last one."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(size - 8, _LARGEST_HEADER):
            return "is called safetensors and is none; save the weights again."
        try:
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            whole = 8 + length + max(ends) == size
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            return "is called safetensors and is none; save the weights again."
    return None if whole else "is cut, or longer than its header says; save the weights again."


def _text_refused(file: Path) -> str | None:
    with file.open("rb") as stream:
        if b"\0" in stream.read(8192):
            return "is called a text and is none; take it away."
    found = secret_inside(file)
    if found is not None:
        return f"holds {found}; take it out, and let the secret be replaced where it was made."
    check: Callable[[Path], str | None] | None = {".svg": _drawing_refused, ".json": _settings_refused}.get(
        file.suffix.lower()
    )
    return None if check is None else check(file)


def _drawing_refused(file: Path) -> str | None:
    drawn = _NAMESPACE.sub("", file.read_text(encoding="utf-8", errors="replace"))
    return "is a drawing that runs or loads something; draw it without." if _SCRIPT.search(drawn) else None


def _settings_refused(file: Path) -> str | None:
    """Look for paths of this machine, which `_name_or_path` of saved checkpoints likes to hold."""
    if file.name in _NO_SETTINGS or file.stat().st_size > _LARGEST_SETTINGS:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return "is called JSON and is none; write it again."
    for key, text in _texts(content):
        if _OF_THIS_MACHINE.fullmatch(text):
            return f"names {text!r} under {key!r}, a path of this machine; take it out."
    return None


def _texts(content: object, key: str = "") -> Iterator[tuple[str, str]]:
    waiting = [(key, content)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            waiting += [(str(name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(key, inner) for inner in value]
