"""An engine over one or more vLLMs: exact scores of all labels, many prompts at once."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image

from eyeward.engine.branches import FreeText, Named, NoSense, explained, judged, tail_of, wanted_text
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.local.trie import ROOT, AnswerTree, Branch, Leaf
from eyeward.engine.protocol import Capabilities, Forced, ImageSegment, Prompt, RawAnswer
from eyeward.engine.remote.constraints import regex, text_regex
from eyeward.engine.vllm.replica import Question, Replica, Said
from eyeward.engine.vllm.settings import IMAGES_PER_PROMPT
from eyeward.errors import ErrorType
from eyeward.verdict import Failure


@dataclass
class _Item:
    """A prompt on its way to its answer."""

    prompt: Prompt
    tree: AnswerTree
    before: tuple[int, ...]
    """The tokens of the prompt, one for each image."""
    images: tuple[Image.Image, ...]
    keys: tuple[str, ...]
    named: list[Named] = field(default_factory=list)
    """What was said at the branches, in their order."""
    leaf: Leaf | None = None
    answer: RawAnswer | None = None

    def at(self, branch: Branch) -> Question:
        """Ask how it goes on at a branch."""
        path: list[int] = []
        node = branch.node
        while node != ROOT:
            path.insert(0, self.tree.tokens[node])
            node = self.tree.parents[node]
        return Question((*self.before, *path), self.images, self.keys, options=branch.options)


class VllmEngine:
    """One model on one or more devices. The prompts of a call are asked together, those of an image on one device."""

    def __init__(
        self,
        replicas: Sequence[Replica],
        tokens: PromptTokens,
        image_token: int,
        context_length: int,
        batch: int,
        arithmetic: str | None = None,
    ) -> None:
        """Take vLLMs that run the same weights; each is handed `batch` prompts at once."""
        self._replicas = list(replicas)
        self.tokens = tokens
        self._image_token = image_token
        self.batch = batch
        """Prompts that each vLLM is handed at once."""
        self._pool = ThreadPoolExecutor(len(self._replicas), thread_name_prefix="eyeward-vllm")
        self._close = weakref.finalize(self, _close, self._replicas, self._pool)
        self.capabilities = Capabilities(
            label_scores=True,
            constrained_text=True,
            shared_prefix=True,
            images_per_prompt=IMAGES_PER_PROMPT,
            context_length=context_length,
            prompts_at_once=batch * len(self._replicas),
            arithmetic=arithmetic,
        )

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order; what goes wrong is in the answer."""
        together = self.batch * len(self._replicas)
        for start in range(0, len(prompts), together):
            yield from self._judge(prompts[start : start + together])

    def close(self) -> None:
        """End vLLM; the engine cannot be used afterwards."""
        self._close()

    def _judge(self, prompts: Sequence[Prompt]) -> list[RawAnswer]:
        images = {id(image): image for prompt in prompts for image in prompt.images}
        keys = {place: _key(image) for place, image in images.items()}
        turn = {key: number % len(self._replicas) for number, key in enumerate(dict.fromkeys(keys.values()))}
        shares: list[list[int]] = [[] for _ in self._replicas]
        for number, prompt in enumerate(prompts):
            replica = turn[keys[id(prompt.images[0])]] if prompt.images else number % len(self._replicas)
            shares[replica].append(number)
        running = [
            self._pool.submit(self._ask, replica, [prompts[number] for number in share], keys)
            for replica, share in zip(self._replicas, shares, strict=True)
        ]
        answers: dict[int, RawAnswer] = {}
        for share, future in zip(shares, running, strict=True):
            answers.update(zip(share, future.result(), strict=True))
        return [answers[number] for number in range(len(prompts))]

    def _ask(self, replica: Replica, prompts: Sequence[Prompt], keys: Mapping[int, str]) -> list[RawAnswer]:
        """Ask in three rounds. The first branch goes alone, so that the others find the prompt in vLLM's cache."""
        items: list[_Item | RawAnswer] = []
        for prompt in prompts:
            try:
                items.append(self._lay_out(prompt, keys))
            except Exception as error:
                items.append(_failed(ErrorType.internal, f"The prompt cannot be laid out: {error}."))
        going = [item for item in items if isinstance(item, _Item)]
        going = _round(replica, going, lambda item: [item.at(branch) for branch in item.tree.branches[:1]], _listen)
        going = _round(replica, going, lambda item: [item.at(branch) for branch in item.tree.branches[1:]], _decide)
        _round(replica, going, self._rest, self._explain)
        unanswered = _failed(ErrorType.internal, "vLLM did not answer.")
        return [item if isinstance(item, RawAnswer) else item.answer or unanswered for item in items]

    def _lay_out(self, prompt: Prompt, keys: Mapping[int, str]) -> _Item:
        layout = self.tokens.layout(prompt)
        before: list[int] = []
        images: list[Image.Image] = []
        for run in (*layout.shared, *layout.own):
            if isinstance(run, ImageSegment):
                before.append(self._image_token)
                images.append(prompt.images[run.index])
            else:
                before.extend(run)
        in_colour = tuple(image if image.mode == "RGB" else image.convert("RGB") for image in images)
        return _Item(prompt, layout.tree, tuple(before), in_colour, tuple(keys[id(image)] for image in images))

    def _rest(self, item: _Item) -> list[Question]:
        """Ask for the free text; tokens before it that it may change are left to the regular expression."""
        slot = wanted_text(item.prompt)
        if slot is None or item.leaf is None:
            return []
        form = regex((Forced(self._unsettled(item.leaf)),)) + text_regex(slot, tail_of(item.prompt.form))
        tokens = (*item.before, *item.leaf.tokens)
        most = slot.max_tokens + len(item.leaf.unsettled)
        return [Question(tokens, item.images, item.keys, regex=form, most_tokens=most)]

    def _explain(self, item: _Item, heard: Sequence[Said]) -> None:
        slot = wanted_text(item.prompt)
        if slot is None or item.leaf is None or item.answer is None:
            return
        (said,) = heard
        lead = self._unsettled(item.leaf)
        if not said.text.startswith(lead):
            raise NoSense(f"The free text does not begin as it should: {said.text[:200]!r}.")
        written = FreeText(said.text.removeprefix(lead), said.cut, said.tokens)
        item.answer = explained(item.answer, slot, tail_of(item.prompt.form), written)

    def _unsettled(self, leaf: Leaf) -> str:
        """Return the end of a leaf's text that is not in its tokens."""
        spelling = self.tokens.spelling()
        return b"".join(spelling[token] or b"" for token in leaf.unsettled).decode()


def _round(
    replica: Replica,
    items: Sequence[_Item],
    ask: Callable[[_Item], list[Question]],
    hear: Callable[[_Item, Sequence[Said]], None],
) -> list[_Item]:
    """Ask the questions of all items together, let each hear what was said to its own, and return those that go on."""
    asked = [ask(item) for item in items]
    said = iter(replica.ask([question for questions in asked for question in questions]))
    going = []
    for item, questions in zip(items, asked, strict=True):
        heard = [next(said) for _ in questions]
        trouble = next((answer.error for answer in heard if answer.error is not None), None)
        if trouble is not None:
            item.answer = _failed(ErrorType.engine_unavailable, f"vLLM failed: {trouble}")
            continue
        try:
            hear(item, heard)
        except NoSense as error:
            item.answer = _failed(ErrorType.unparsable_answer, str(error))
            continue
        going.append(item)
    return going


def _listen(item: _Item, heard: Sequence[Said]) -> None:
    item.named += [Named(said.log_probabilities, 0.0, said.tokens) for said in heard]


def _decide(item: _Item, heard: Sequence[Said]) -> None:
    _listen(item, heard)
    item.leaf, item.answer = judged(item.prompt, item.tree, item.named)


def _key(image: Image.Image) -> str:
    digest = hashlib.sha256(f"{image.mode} {image.size}".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def _failed(type: ErrorType, message: str) -> RawAnswer:
    return RawAnswer(error=Failure(type=type, message=message))


def _close(replicas: Sequence[Replica], pool: ThreadPoolExecutor) -> None:
    pool.shutdown(wait=True)
    for replica in replicas:
        replica.close()
