"""Guards whose weights run behind a server: the card says how to ask, the server answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import MissingExtra, UsageError
from eyeward.guard.card import FILE_NAME, EyewardCard, Vocabulary, published_card
from eyeward.guard.chat_template import FolderText, answer_lead, render_chat
from eyeward.guard.guard import Guard
from eyeward.guard.identity import settings_of
from eyeward.guard.llavaguard import Message, ModelText
from eyeward.guard.loading import rule_of
from eyeward.guard.other_guards import card_by_name, card_of
from eyeward.guard.profile import find_profile
from eyeward.guard.self_check import Subject
from eyeward.guard.sent_images import image_bounds
from eyeward.verdict import ModelRef

if TYPE_CHECKING:
    from eyeward.engine.local.tokens import PromptTokens
    from eyeward.engine.remote.continuing import LocalText

_PUBLISHED = re.compile(r"LlavaGuard|QwenGuard", re.IGNORECASE)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_HUB_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.png")
"""All of a checkpoint but its weights; pictures, because they may be those of its self check."""
_IMAGE_MARK = "\ufffc"
"""Where the image stands in the text that a profile makes; the server's chat template puts its own mark there."""

MARKS = frozenset(
    {
        "<image>",
        "<video>",
        "<|image|>",
        "<image_soft_token>",
        "<start_of_image>",
        "<end_of_image>",
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
        "<|video_pad|>",
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
        "<|eot|>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<bos>",
        "<eos>",
        "<s>",
        "</s>",
        "[INST]",
        "[/INST]",
        "[IMG]",
    }
)
"""Text that model families take for commands: refused in policies where the model's own list is not at hand."""


@dataclass(frozen=True)
class _Folder:
    """A checkpoint on this machine whose weights run elsewhere."""

    path: Path
    tokens: PromptTokens | None

    @cached_property
    def text(self) -> FolderText:
        """Its tokenizer and chat template as transformers reads them; loaded when they are first used."""
        from transformers import AutoTokenizer

        from eyeward.engine.local.checkpoint import read_chat_template

        tokenizer = AutoTokenizer.from_pretrained(self.path, local_files_only=True, trust_remote_code=False)
        return FolderText(self.path, tokenizer, read_chat_template(self.path))

    @property
    def answer_lead(self) -> str:
        """The blank space that its chat template leaves to the model; none where nothing here can render it."""
        if not _has_transformers():
            return ""
        try:
            return answer_lead(self.text)
        except Exception:  # a folder may hold less than a whole checkpoint
            return ""


def load_remote(
    name: str | None,
    server: str | RemoteSettings,
    folders: dict[str, Path],
    card: EyewardCard | None = None,
    profile: str | None = None,
) -> Subject:
    """Load a guard that runs behind a server, with what a check needs; it is not checked yet.

    `name` says what is asked: a guard that ships inside, a folder, a Hub id, whose files are fetched but for the
    weights, or a published checkpoint. Without it, the server's name of the model does. `card` says it where it is
    known already, `profile` where that is all that is known.

    Raises:
        UsageError: when the address is none, no server answers there, or it serves several models and none is named.
        CheckpointError: when the folder's card cannot be read.
        MissingExtra: when the guard's vocabulary cannot be checked without a package that is not installed.
    """
    settings = RemoteSettings.parse(server) if isinstance(server, str) else server
    folder = _folder(name or settings.model, folders, fetch=name is not None)
    if card is None and name is not None and folder is None and not _is_known(name):
        raise UsageError(
            f"There is no guard {name!r} on this machine that could say how to ask {settings.address}. Name one that "
            f"ships ({', '.join(folders) or 'none'}), a folder, or a published guard; or give the address alone."
        )
    if folder is not None:
        given = settings.model_fields_set
        bounds = {key: value for key, value in image_bounds(folder.path).items() if key not in given}
        settings = settings.model_copy(update=bounds)
    engine = RemoteEngine(settings, None if folder is None else _local_text(folder))
    try:
        card = card or (
            card_of(profile, engine.server.model) if profile else _card(name or engine.server.model, folder)
        )
        guard = _assemble(card, folder, engine, settings.sent_images)
    except BaseException:
        engine.close()
        raise
    return Subject(guard, card, folder.path if folder else None, address=settings.address)


def _folder(name: str, folders: dict[str, Path], fetch: bool) -> _Folder | None:
    here = folders.get(name) or Path(name)
    path = here if name and here.is_dir() else _of_hub(name, fetch)
    return None if path is None else _Folder(path, _tokens(path))


def _of_hub(name: str, fetch: bool) -> Path | None:
    """Return the folder of a Hub id without its weights: from the cache, and fetched only where that is asked for.

    The name that a server gives its model stays here: it may be nobody's business.
    """
    if not _HUB_ID.fullmatch(name) or find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        found = snapshot_download(
            repository, revision=revision or None, allow_patterns=list(_HUB_FILES), local_files_only=not fetch
        )
    except Exception:  # not there, not allowed, no network: then the name alone says how to ask
        return None
    return Path(found)


def _card(name: str, folder: _Folder | None) -> EyewardCard:
    """Return how to ask a model: as its folder says, as guards of its name were published, or else the policy first."""
    if folder is not None and ((folder.path / FILE_NAME).is_file() or _PUBLISHED.search(str(folder.path.absolute()))):
        return EyewardCard.read(folder.path)
    return published_card(name) if _PUBLISHED.search(name) else card_by_name(name) or EyewardCard(name=name)


def _is_known(name: str) -> bool:
    return _PUBLISHED.search(name) is not None or card_by_name(name) is not None


def _assemble(card: EyewardCard, folder: _Folder | None, engine: RemoteEngine, sent_images: str) -> Guard:
    tokens = folder.tokens if folder else None
    if card.vocabulary is Vocabulary.met_in_training and tokens is None:
        raise MissingExtra("local", f"Telling which words {card.name!r} has met")
    text = ModelText(
        chat=_one_turn,
        image_token=_IMAGE_MARK,
        special_tokens=(tokens.special_tokens if tokens else MARKS) | {_IMAGE_MARK},
        unknown_words=tokens.unknown_words if tokens else lambda text: (),
        answer_lead=folder.answer_lead if folder else "",
    )
    return Guard(
        engine=engine,
        profile=find_profile(card.profile)(card, text),
        model=ModelRef(name=card.name, revision=None, engine=f"remote:{engine.server.kind.value}"),
        rule=rule_of(card),
        trained_to_judge=card.trained_to_judge,
        settings={**settings_of(folder.path if folder else None, card), "sent_images": sent_images},
    )


def _one_turn(messages: list[Message]) -> str:
    """Join the parts of the one turn that is asked; the server renders it."""
    (message,) = messages
    content: Any = message["content"]
    return "".join(_IMAGE_MARK if part["type"] == "image" else part["text"] for part in content)


def _tokens(path: Path) -> PromptTokens | None:
    """Return the folder's tokenizer, where it has one and its package is installed."""
    parts = (path / "tokenizer.json", path / "config.json")
    if not all(part.is_file() for part in parts) or find_spec("tokenizers") is None:
        return None
    from tokenizers import Tokenizer

    from eyeward.engine.local.preparation import read_json
    from eyeward.engine.local.tokens import PromptTokens

    config = read_json(path / "config.json")
    image_token = config.get("image_token_index", config.get("image_token_id"))
    if not isinstance(image_token, int):
        return None
    backend: Any = _Backend(Tokenizer.from_file(str(path / "tokenizer.json")))
    return PromptTokens(backend, image_token)


@dataclass(frozen=True)
class _Backend:
    """What `PromptTokens` wants of a tokenizer of transformers."""

    backend_tokenizer: Any
    bos_token: str | None = None


def _local_text(folder: _Folder) -> LocalText | None:
    from eyeward.engine.remote.continuing import LocalText

    tokens = folder.tokens
    if tokens is None:
        return None

    def text(ids: Sequence[int]) -> str:
        return b"".join(tokens.spelling()[number] or b"" for number in ids).decode("utf-8", "replace")

    return LocalText(tokens.ids, text, _renderer(folder) if _has_transformers() else None)


def _has_transformers() -> bool:
    return find_spec("transformers") is not None and find_spec("torch") is not None


def _renderer(folder: _Folder) -> Callable[[Sequence[str | None]], str]:
    """Return what puts the folder's chat template around a turn."""

    def render(parts: Sequence[str | None]) -> str:
        content = [
            {"type": "image"} if part is None else {"type": "text", "text": part} for part in parts if part != ""
        ]
        return render_chat(folder.text, [{"role": "user", "content": content}])

    return render
