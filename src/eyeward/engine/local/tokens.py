"""Prompts and answers as token ids, exactly as the model's tokenizer cuts them, remembered because they repeat."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders

from eyeward.engine.local.trie import AnswerTree, build_tree
from eyeward.engine.protocol import AnswerForm, ImageSegment, Prompt, Segment, TextSegment
from eyeward.engine.recent import Recent
from eyeward.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Layout:
    """A prompt as runs of token ids and images (`Prompt.images` by index), and the tree of its answers."""

    shared: tuple[tuple[int, ...] | ImageSegment, ...]
    own: tuple[tuple[int, ...] | ImageSegment, ...]
    tree: AnswerTree
    context: str
    """The end of the prompt that the first tokens of the answer depend on."""


class PromptTokens:
    """Cuts prompts and answers into tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, image_token_id: int) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise CheckpointError("This checkpoint has no tokenizer.json; convert its tokenizer to a fast one first.")
        self._backend = backend
        self._bos = str(tokenizer.bos_token) if tokenizer.bos_token else None
        self._image_token_id = image_token_id
        self._image_token = str(self._backend.id_to_token(image_token_id))
        added = self._backend.get_added_tokens_decoder()
        self.special_tokens = frozenset(token.content for token in added.values() if token.special)
        """Text that means something to the model and may not stand in a policy."""
        special = "|".join(re.escape(token) for token in sorted(self.special_tokens, key=len, reverse=True))
        self._special = re.compile(special) if special else None
        self._special_ids = {number for number, token in added.items() if token.special}
        self._spelling: list[bytes | None] | None = None
        self._layouts: Recent[tuple[tuple[Segment, ...], int, AnswerForm], Layout] = Recent(256)
        self._trees: Recent[tuple[str, AnswerForm], AnswerTree] = Recent(256)

    def layout(self, prompt: Prompt) -> Layout:
        """Lay a prompt out.

        Raises:
            ValueError: when its answers cannot be told apart by their tokens.
        """
        key = prompt.segments, prompt.shared_prefix, prompt.form
        return self._layouts.get_or_make(key, lambda: self._lay_out(*key))

    def ids(self, text: str) -> tuple[int, ...]:
        """Cut text without adding anything."""
        return tuple(self._backend.encode(text, add_special_tokens=False).ids)

    def answer_ids(self, context: str, answer: str) -> tuple[int, ...]:
        """Cut an answer as it stands behind `context`, the end of a prompt."""
        before = self.ids(context)
        both = self.ids(context + answer)
        return both[len(before) :] if both[: len(before)] == before else self.ids(answer)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Name the words of a text that the tokenizer can only spell in bytes."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        pieces: dict[int, list[int]] = {}
        for place, word in enumerate(encoding.word_ids):
            if word is not None:
                pieces.setdefault(word, []).append(place)
        spelling = self.spelling()
        unknown = []
        for places in pieces.values():
            spelled = [spelling[encoding.ids[place]] for place in places]
            if len(places) > 1 and all(piece is not None and len(piece) == 1 for piece in spelled):
                start, end = encoding.offsets[places[0]][0], encoding.offsets[places[-1]][1]
                unknown.append(text[start:end].strip(" ") or text[start:end])
        return tuple(dict.fromkeys(unknown))

    def spelling(self) -> list[bytes | None]:
        """Return the bytes that each token stands for; None for tokens that are no text."""
        if self._spelling is None:
            self._spelling = _spell(self._backend, self._special_ids)
        return self._spelling

    def _lay_out(self, segments: tuple[Segment, ...], shared: int, form: AnswerForm) -> Layout:
        text = "".join(s.text if isinstance(s, TextSegment) else self._image_token for s in segments)
        with_bos = self._bos is None or not text.startswith(self._bos)
        ids = self._backend.encode(text, add_special_tokens=with_bos).ids
        images = [s for s in segments if isinstance(s, ImageSegment)]
        runs: list[tuple[int, ...] | ImageSegment] = []
        start = 0
        for place, token in enumerate([*ids, self._image_token_id]):
            if token != self._image_token_id:
                continue
            if place > start:
                runs.append(tuple(ids[start:place]))
            if place < len(ids):
                if not images:
                    raise ValueError(f"the text of the prompt holds the model's image token {self._image_token!r}")
                runs.append(images.pop(0))
            start = place + 1
        last = segments[-1]
        context = self._context(last.text) if isinstance(last, TextSegment) else ""
        tree = self._trees.get_or_make(
            (context, form), lambda: build_tree(form, lambda answer: self.answer_ids(context, answer))
        )
        cut = _cut(segments, shared, runs)
        return Layout(tuple(runs[:cut]), tuple(runs[cut:]), tree, context)

    def _context(self, text: str) -> str:
        """Return what stands behind the last special token, which no token spans, and that token."""
        places = [match.start() for match in self._special.finditer(text)] if self._special else []
        return text[places[-1] :] if places else text


def _cut(segments: tuple[Segment, ...], shared: int, runs: list[tuple[int, ...] | ImageSegment]) -> int:
    """Count the runs that are shared: whole runs only, because a token may span two segments of text."""
    if shared <= 0 or shared >= len(segments):
        return 0
    while shared and not (isinstance(segments[shared - 1], ImageSegment) or isinstance(segments[shared], ImageSegment)):
        shared -= 1
    if not shared:
        return 0
    images = sum(isinstance(s, ImageSegment) for s in segments[:shared])
    seen = count = 0
    for count, run in enumerate(runs):
        if seen == images and (isinstance(run, ImageSegment) or isinstance(segments[shared - 1], ImageSegment)):
            return count
        seen += isinstance(run, ImageSegment)
    return count


def _spell(backend: Tokenizer, special: set[int]) -> list[bytes | None]:
    of_character = _bytes_of_characters() if isinstance(backend.decoder, decoders.ByteLevel) else None
    spelling: list[bytes | None] = [None] * backend.get_vocab_size(with_added_tokens=True)
    for token, number in backend.get_vocab(with_added_tokens=True).items():
        if number in special or number >= len(spelling):
            continue
        if of_character is not None and all(character in of_character for character in token):
            spelling[number] = bytes(of_character[character] for character in token)
        elif of_character is None and re.fullmatch(r"<0x[0-9A-F]{2}>", token):
            spelling[number] = bytes([int(token[3:5], 16)])
        else:
            spelling[number] = token.replace("\u2581", " ").encode("utf-8")
    return spelling


def _bytes_of_characters() -> dict[str, int]:
    """Return the byte of each character of byte-level vocabularies (GPT-2's printable stand-ins)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
