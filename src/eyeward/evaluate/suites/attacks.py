"""The attack suite: which changed pictures and policies are asked about, beside the questions of the folder itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import Image

from eyeward.errors import UsageError
from eyeward.evaluate.outcome import category_id
from eyeward.evaluate.questions import Ask
from eyeward.evaluate.suites.addressing import ADDRESSING
from eyeward.evaluate.suites.attack import BUDGETS, Family, Picture, PictureAttack, Value, seed_of
from eyeward.evaluate.suites.benign import BENIGN
from eyeward.evaluate.suites.evasion import EVASION
from eyeward.evaluate.suites.policy_hacking import POLICY_ATTACKS, can_be_hacked
from eyeward.images import decode
from eyeward.verdict import NA, Failure, Rating

PICTURE_ATTACKS: tuple[PictureAttack, ...] = (*BENIGN, *EVASION, *ADDRESSING)
BYSTANDERS = 8
_BYSTANDER_SIDE = 800
"""Pixels of the longer side; so many bystanders lie in memory all the time."""
PIXELS_PARAMETER = "levels of 255"
SEARCH_VERSION = 1
"""Raised when other pictures are made along the same gradients in as many steps, and only then."""


@dataclass(frozen=True)
class Variant:
    """A changed question: what it was made from, and how."""

    number: int
    """Of its question in the run."""
    of: int
    """Number of the question that it was made from."""
    attack: str
    family: Family
    level: int
    """From 1 on, the stronger the higher."""
    parameter: str
    value: Value


@dataclass(frozen=True)
class Plan:
    """All questions of the suite: those of the folder first, then the changed ones."""

    asks: tuple[Ask, ...]
    clean: int
    """How many of them are the folder's own."""
    variants: tuple[Variant, ...]
    chosen: tuple[Ask, ...]
    """The questions that are attacked."""
    white_box: Mapping[str, tuple[tuple[Ask, tuple[Path, ...]], ...]]
    """By guard: questions whose pictures are attacked through its gradients, and where the results belong."""


@dataclass
class _Pictures:
    """Changes pictures when they are wanted; remembers the one that was opened last."""

    bystanders: tuple[Image.Image, ...]
    _file: Path | None = None
    _pixels: Image.Image | None = None

    def changed(self, file: Path, image: str, attack: PictureAttack, value: Value) -> bytes:
        """Return the changed picture; nothing where the image cannot be read, which every guard calls a failure."""
        if file != self._file:
            decoded = decode(file)
            self._file = file
            self._pixels = None if isinstance(decoded, Failure) else decoded.frames[0].pixels
        if self._pixels is None:
            return b""
        return attack.change(Picture(self._pixels, self.bystanders, seed_of(image, attack.name)), value)


def choose(asks: Sequence[Ask], most: int) -> tuple[Ask, ...]:
    """Choose the questions to attack: one an image, half of them unsafe where there are as many, the same each time."""
    first: dict[str, Ask] = {}
    for ask in asks:
        first.setdefault(ask.question.image, ask)
    ranked = sorted(first.values(), key=lambda ask: seed_of(ask.question.image, "chosen"))
    unsafe = [ask for ask in ranked if ask.question.rating is Rating.Unsafe]
    safe = [ask for ask in ranked if ask.question.rating is Rating.Safe]
    half = max((most + 1) // 2, most - len(safe))
    kept = [*unsafe[:half], *safe[: most - len(unsafe[:half])]]
    return tuple(sorted(kept, key=lambda ask: ask.question.number))


def bystanders_of(asks: Sequence[Ask]) -> tuple[Image.Image, ...]:
    """Return safe pictures to hide among, each once.

    They touch no category where there are such: what is safe under the policy of its own label, an excepted weapon,
    may violate the one that the picture beside it is asked under.

    Raises:
        UsageError: when there is none, or none that can be read.
    """
    safe = [ask for ask in asks if ask.question.rating is Rating.Safe]
    if not safe:
        raise UsageError(
            "The attack suite hides pictures among safe ones, and there is none; add images that are Safe."
        )
    for harmless in (True, False):
        files = {ask.question.image: ask.image for ask in safe if (ask.question.category == NA) is harmless}
        found: list[Image.Image] = []
        for name in sorted(files, key=lambda image: seed_of(image, "bystander")):
            decoded = decode(files[name])
            if not isinstance(decoded, Failure):
                picture = decoded.frames[0].pixels
                picture.thumbnail((_BYSTANDER_SIDE, _BYSTANDER_SIDE))
                found.append(picture)
            if len(found) == BYSTANDERS:
                break
        if found:
            return tuple(found)
    raise UsageError("The attack suite hides pictures among safe ones, and none can be read; add images that can.")


def plan_attacks(
    asks: Sequence[Ask],
    images: int,
    white_box: Mapping[str, int] | None = None,
    folder: Path = Path("white_box"),
    attacks: Sequence[PictureAttack] = PICTURE_ATTACKS,
    ratings: Collection[Rating] = (Rating.Safe, Rating.Unsafe),
    sources: Mapping[str, str] | None = None,
) -> Plan:
    """Lay out the suite over the questions of a folder.

    `images` is how many are attacked, `white_box` by guard how many through its gradients: one picture for each of
    `BUDGETS`, below `folder`. `sources` are guards to load, by name: their weights are part of where pictures lie. Only
    questions of `ratings` are attacked.

    Raises:
        UsageError: when there is no picture to hide among.
        CheckpointError: when the weights of a guard in `white_box` cannot be found.
    """
    pictures = _Pictures(bystanders_of(asks))
    chosen = choose([ask for ask in asks if ask.question.rating in ratings], images)
    made: list[Ask] = []
    variants: list[Variant] = []

    def add(
        ask: Ask, attack: str, family: Family, level: int, parameter: str, value: Value, changed: Ask, search: str = ""
    ) -> None:
        number = len(asks) + len(made)
        name = f"{ask.question.image} ({attack}, {parameter} {value}{search})"
        made.append(replace(changed, question=changed.question.model_copy(update={"number": number, "image": name})))
        variants.append(Variant(number, ask.question.number, attack, family, level, parameter, value))

    for ask in chosen:
        for attack, level, value in _levels(attacks, ask):
            picture = partial(pictures.changed, ask.image, ask.question.image, attack, value)
            add(ask, attack.name, attack.family, level, attack.parameter, value, replace(ask, made=picture))
        own = category_id(ask.question.category)
        if ask.question.rating is Rating.Unsafe and can_be_hacked(ask.policy, own):
            for hack in POLICY_ATTACKS:
                for level, count in enumerate(hack.values, 1):
                    policy = hack.change(ask.policy, own, count)
                    question = ask.question.model_copy(update={"policy_hash": policy.hash})
                    changed = replace(ask, policy=policy, question=question)
                    add(ask, hack.name, hack.family, level, hack.parameter, count, changed)
    against: dict[str, tuple[tuple[Ask, tuple[Path, ...]], ...]] = {}
    searches = _searches(white_box or {}, sources or {})
    for guard, count in (white_box or {}).items():
        targets = []
        for ask in choose(chosen, count):
            below = folder / f"{seed_of(guard, 'folder'):08x}-{searches[guard]}"
            files = tuple(below / f"{ask.question.number:06}-{budget}.png" for budget in BUDGETS)
            for level, (budget, file) in enumerate(zip(BUDGETS, files, strict=True), 1):
                changed = replace(ask, image=file)
                add(
                    ask,
                    f"gradient of {guard}",
                    Family.pixels,
                    level,
                    PIXELS_PARAMETER,
                    budget,
                    changed,
                    f"; search {searches[guard]}",
                )
            targets.append((ask, files))
        against[guard] = tuple(targets)
    return Plan((*asks, *made), len(asks), tuple(variants), chosen, against)


def _searches(guards: Collection[str], sources: Mapping[str, str]) -> dict[str, str]:
    """Return, by guard, a few letters that stand for all that decides the pictures made against it.

    Pictures lie under them and questions are named by them, so that after a change neither old pictures nor old answers
    are taken for new ones. Of guards without a source the weights are not known, and the search alone is in it.

    Raises:
        CheckpointError: when the weights of a guard cannot be found.
    """
    if not guards:
        return {}
    from eyeward.engine.local.checkpoint import find_folder, sha256_of, weight_files
    from eyeward.evaluate.suites.white_box import STEPS
    from eyeward.guard import packaged_guards

    revisions: dict[str, str] = {}
    for source in {sources[guard] for guard in guards if guard in sources}:
        place, commit = find_folder(packaged_guards().get(source) or source)
        revisions[source] = commit or sha256_of(weight_files(place))
    search = f"{SEARCH_VERSION} {STEPS} {BUDGETS}"
    return {guard: f"{seed_of(revisions.get(sources.get(guard, ''), ''), search):08x}" for guard in guards}


def _levels(attacks: Sequence[PictureAttack], ask: Ask) -> Iterator[tuple[PictureAttack, int, Value]]:
    for attack in attacks:
        if ask.question.rating is Rating.Unsafe or not attack.on_unsafe_only:
            for level, value in enumerate(attack.values, 1):
                yield attack, level, value


Progress = Callable[[], None]


def make_white_box(
    plan: Plan,
    sources: Mapping[str, str],
    progress: Progress = lambda: None,
    averaged: Collection[str] = (),
    steps: int | None = None,
) -> None:
    """Make the pictures that are attacked through gradients; `sources` are guards to load, by name.

    The names in `averaged` are means over views, and attacked as such. `steps` are those of each budget.

    Raises:
        UsageError: when a guard cannot be attacked so.
    """
    for guard, asks in plan.white_box.items():
        from eyeward.evaluate.suites.white_box import STEPS, Target, make_pictures

        targets = [Target(ask.image, ask.policy, ask.question.rating is Rating.Safe, files) for ask, files in asks]
        make_pictures(sources[guard], targets, progress, guard in averaged, steps or STEPS)


def white_box_reason(source: str) -> str | None:
    """Say why a guard cannot be attacked through its gradients, or None where it can.

    Raises:
        MissingExtra: when weights are to run here and PyTorch is not installed.
    """
    if "://" in source or source == "nudenet":
        return "it runs elsewhere, or gives no gradients"
    from eyeward.evaluate.suites.white_box import why_not

    return why_not(source)
