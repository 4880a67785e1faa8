"""Guards by name: those that ship inside, folders, checkpoints on the Hub, and servers."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from eyeward.engine.rating import RatingRule
from eyeward.engine.remote.address import is_address, profile_and_address
from eyeward.errors import CheckpointError, UsageError
from eyeward.guard.card import EyewardCard
from eyeward.guard.chat_template import answer_lead, render_chat
from eyeward.guard.forms import CATEGORY, RATING
from eyeward.guard.guard import Guard
from eyeward.guard.identity import settings_of
from eyeward.guard.llavaguard import ModelText
from eyeward.guard.profile import find_profile
from eyeward.guard.scope import ScopeCheck
from eyeward.verdict import ModelRef, Rating

if TYPE_CHECKING:
    import torch

    from eyeward.engine.local.checkpoint import LoadedCheckpoint
    from eyeward.engine.local.engine import LocalEngine
    from eyeward.engine.remote.settings import RemoteSettings
    from eyeward.engine.vllm.settings import VllmSettings
    from eyeward.guard.self_check import SelfCheck, Subject

WEIGHTS = Path(__file__).parent / "weights"
"""Guards that ship inside, one folder each."""
GIGABYTE = 2**30


def packaged_guards() -> dict[str, Path]:
    """Return the guards that ship inside, by name."""
    if not WEIGHTS.is_dir():
        return {}
    return {folder.name: folder for folder in sorted(WEIGHTS.iterdir()) if (folder / "config.json").is_file()}


def load_guard(
    name: str | PathLike[str],
    engine: str | RemoteSettings | VllmSettings = "auto",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    self_check: SelfCheck = "refuse",
    max_tiles: int | None = None,
    memory_gb: float | None = None,
) -> Guard:
    """Load a guard: one that ships inside (`mini`), a folder, a Hub id (`owner/name`, `owner/name@revision`), a server.

    A server is named by its address and what it calls the model: `http://host:8000/v1#model`. With the address as
    `engine`, `name` says how to ask it: `load_guard("runs/mine/mine", engine="http://host:8000/v1#served-name")`. A
    `RemoteSettings` in its place says more about how the server is to be used.

    Other guards, to compare with: `nudenet`, and behind a server `moderations:https://host/v1#model`, or
    `llama_guard:`, `shieldgemma2:`, `zero_shot:` before the address of one that serves the model.

    With `vllm` as `engine`, vLLM runs the weights in this process, for many images at once; `VllmSettings` says how.

    `max_tiles` caps the tiles that large images are cut into, the base view not counted: quicker, and blind to small
    things. Where it takes tiles away, verdicts say `local(max_tiles=N)` for their engine.

    `memory_gb` is about how many gigabytes (of 2**30 bytes) a pass of the language model may need beside the weights,
    on their device; 2 where nothing is said. With less, fewer images go through together, one at the least.

    It is checked at once that it answers as it did when it was made; `warn` only says what is wrong, `off` is for
    random weights.

    Raises:
        CheckpointError: when there is no such checkpoint or its parts do not fit together.
        SelfCheckFailed: when it loads and answers otherwise than it should.
        MissingExtra: when PyTorch or transformers are not installed.
        UsageError: when an argument has a value that it cannot have, such as a device that is not here.
    """
    if self_check not in ("refuse", "warn", "off"):
        raise UsageError(f"self_check is 'refuse', 'warn' or 'off', not {self_check!r}.")
    subject = load_subject(name, engine, device, dtype, max_tiles, memory_gb)
    from eyeward.guard.self_check import settle

    try:
        settle(subject, self_check)
    except BaseException:
        subject.close()
        raise
    return subject.guard


def load_subject(
    name: str | PathLike[str],
    engine: str | RemoteSettings | VllmSettings = "auto",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    max_tiles: int | None = None,
    memory_gb: float | None = None,
) -> Subject:
    """Load a guard with all that a check may look into; it is not checked yet."""
    from eyeward.engine.vllm.settings import VllmSettings

    if str(name) == "nudenet" or profile_and_address(str(name)) is not None:
        if (engine, device, dtype, max_tiles, memory_gb) != ("auto", "auto", "auto", None, None):
            raise UsageError(
                f"{str(name)!r} says all about where it runs; leave engine, device, dtype, tiles and memory out."
            )
        from eyeward.guard.other_guards import load_other

        return load_other(str(name))
    by_name = is_address(str(name))
    elsewhere = by_name or engine not in ("auto", "local")
    if max_tiles is not None and elsewhere:
        raise UsageError("max_tiles is for weights that run in this process; a server cuts images as it was started.")
    if memory_gb is not None and elsewhere:
        raise UsageError(
            "memory_gb is for weights that the local engine runs; others are started with their own limits."
        )
    _check_memory(memory_gb)
    if not by_name and (engine == "vllm" or isinstance(engine, VllmSettings)):
        from eyeward.guard.vllm_loading import load_vllm

        settings = engine if isinstance(engine, VllmSettings) else VllmSettings()
        return load_vllm(name, settings, packaged_guards(), device, dtype)
    if isinstance(engine, VllmSettings):
        raise UsageError(f"The weights of {name} run behind a server; leave the settings of vLLM out.")
    if by_name or not isinstance(engine, str) or is_address(engine):
        if (device, dtype) != ("auto", "auto"):
            raise UsageError("Device and type of the weights are chosen where the server is started.")
        from eyeward.guard.remote_loading import load_remote

        return load_remote(None if by_name else str(name), str(name) if by_name else engine, packaged_guards())
    if engine not in ("auto", "local"):
        raise UsageError(f"There is no engine {engine!r}; use 'auto', 'local', 'vllm', or the address of a server.")
    from eyeward.engine.local.checkpoint import load_checkpoint
    from eyeward.engine.local.engine import LocalEngine
    from eyeward.engine.local.tile_cap import cap_tiles
    from eyeward.guard.self_check import Subject

    inside = packaged_guards().get(str(name))
    try:
        checkpoint = load_checkpoint(inside or name, dtype=dtype, device=device)
    except CheckpointError as error:
        if inside or Path(name).exists() or "/" in str(name):
            raise
        shipped = ", ".join(packaged_guards()) or "none"
        raise CheckpointError(
            f"There is no guard {str(name)!r}. Guards that ship inside: {shipped}. Others are named by their folder or "
            "by their id on the Hub (owner/name)."
        ) from error
    card = EyewardCard.read(checkpoint.folder, None if Path(name).expanduser().is_dir() else str(name))
    read = checkpoint if max_tiles is None else cap_tiles(checkpoint, max_tiles)
    capped = read.family != checkpoint.family
    local = LocalEngine(read, memory_bytes=_memory_bytes(memory_gb, checkpoint.model.device))
    where = f"local(max_tiles={max_tiles})" if capped else "local"
    return Subject(assemble(card, read, local, where), card, read.folder, read, local, capped=capped)


def _check_memory(memory_gb: float | None) -> None:
    """Refuse what is no amount of memory, before anything is loaded."""
    a_number = isinstance(memory_gb, int | float) and not isinstance(memory_gb, bool)
    if memory_gb is not None and not (a_number and 0.0 < memory_gb < math.inf):
        raise UsageError(f"memory_gb is a number of gigabytes above zero, such as 2 or 0.5, not {memory_gb!r}.")


def _memory_bytes(memory_gb: float | None, device: torch.device) -> int:
    """Return what one pass may need beside the weights.

    Raises:
        UsageError: when that is more than the device has in all.
    """
    from eyeward.engine.local.engine import WORKING_MEMORY, memory_of

    if memory_gb is None:
        return WORKING_MEMORY
    whole = memory_of(device)
    if whole is not None and memory_gb * GIGABYTE > whole:
        raise UsageError(
            f"memory_gb is {memory_gb:g}, and the device {str(device)!r} has {whole / GIGABYTE:.1f} gigabytes in all; "
            "leave room for the weights and name less."
        )
    return max(1, int(memory_gb * GIGABYTE))


def assemble(card: EyewardCard, checkpoint: LoadedCheckpoint, engine: LocalEngine, where: str = "local") -> Guard:
    """Put the parts of a guard together; `where` is what verdicts call the engine."""
    text = ModelText(
        chat=lambda messages: render_chat(checkpoint, messages),
        image_token=checkpoint.image_token,
        special_tokens=engine.tokens.special_tokens,
        unknown_words=engine.tokens.unknown_words,
        answer_lead=answer_lead(checkpoint),
    )
    return Guard(
        engine=engine,
        profile=find_profile(card.profile)(card, text),
        model=ModelRef(name=card.name, revision=checkpoint.revision, engine=where),
        rule=rule_of(card),
        scope=ScopeCheck.load(checkpoint.folder / card.scope.file) if card.scope else None,
        scope_threshold=card.scope.threshold if card.scope else None,
        trained_to_judge=card.trained_to_judge,
        settings=settings_of(checkpoint.folder, card),
    )


def rule_of(card: EyewardCard) -> RatingRule:
    """Return how a card decides ratings, in the words of Eyeward."""
    return RatingRule(
        slot=RATING,
        positive=Rating.Unsafe.value,
        negative=Rating.Safe.value,
        threshold=card.threshold,
        band=card.review_band,
        category_slot=CATEGORY,
        calibration=card.calibration,
    )
