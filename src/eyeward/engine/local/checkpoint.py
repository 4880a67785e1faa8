"""Find a checkpoint, and load it whole or not at all."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.engine.local.preparation import read_json
from eyeward.engine.local.resizing import Resizing
from eyeward.errors import CheckpointError, MissingExtra, UsageError

try:
    import torch
    import transformers
    from safetensors import SafetensorError, safe_open
except ImportError as error:
    raise MissingExtra("local", "Running weights in this process") from error

from eyeward.engine.local.families import Family, find_family

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
HUB_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.safetensors", "*.png", "README.md")
"""Pictures, because those of the self check come with a checkpoint."""
FOREIGN_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".pkl")
SPREAD = "spread"
"""As a device: all GPUs together, each with some of the layers."""
CACHED_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A model that is ready to run, and all that its folder says about how."""

    model: Any
    """Transformers' `...ForConditionalGeneration` of the family."""
    tokenizer: PreTrainedTokenizerBase
    family: Family
    image_token: str
    """The token that is repeated once for every image feature."""
    image_token_id: int
    eos_token_ids: tuple[int, ...]
    """Tokens that end an answer."""
    chat_template: str | None
    """A Jinja template, where the checkpoint has one."""
    revision: str
    """The commit on the Hub, else the SHA-256 of the weights."""
    folder: Path

    @property
    def preparation(self) -> Any:
        """How the checkpoint wants its images: a record of its family."""
        return self.family.settings


def load_checkpoint(
    name: str | PathLike[str],
    dtype: torch.dtype | str = "auto",
    device: torch.device | str = "auto",
    resizing: Resizing = Resizing.pillow,
) -> LoadedCheckpoint:
    """Load a folder, or a Hub id (`owner/name`, `owner/name@revision`).

    `auto` is a GPU when there is one, and the checkpoint's own precision; on a CPU half precision is bfloat16 where the
    processor has it, else float32. `spread` is for models larger than one GPU: layers go to all of them in turn.

    Raises:
        CheckpointError: when weights and configuration do not fit each other completely, with the names of the tensors,
            or the GPUs are too small together.
        UsageError: when there is no such device here.
        MissingExtra: when weights are to be spread and `accelerate` is not installed.
    """
    folder, commit = find_folder(name)
    settings = read_json(folder / "config.json")
    kind = find_family(settings.get("model_type"), folder)
    weights = weight_files(folder)
    family = kind.read(folder, resizing)
    spread = device == SPREAD
    if spread and find_spec("accelerate") is None:
        raise MissingExtra("spread", "Weights on several GPUs")
    chosen_device = choose_device("auto" if spread else device)
    with ThreadPoolExecutor(max_workers=1) as pool:
        digest = None if commit else pool.submit(sha256_of, weights)
        placed = None if spread else chosen_device
        model = _load_model(family.model_class(), folder, choose_dtype(dtype, chosen_device, settings), placed)
        revision = commit or (digest.result() if digest else "")
    return _assemble(folder, family, model, revision)


def load_skeleton(name: str | PathLike[str], resizing: Resizing = Resizing.pillow) -> LoadedCheckpoint:
    """Load all of a checkpoint but the numbers of its weights, to plan with: its model lies on the device `meta`.

    Raises:
        CheckpointError: when its parts do not fit each other.
    """
    folder, commit = find_folder(name)
    settings = read_json(folder / "config.json")
    family = find_family(settings.get("model_type"), folder).read(folder, resizing)
    kind = family.model_class()
    with torch.device("meta"):
        model = kind(kind.config_class.from_pretrained(folder))
    return _assemble(folder, family, model.eval().requires_grad_(False), commit or "")


def _assemble(folder: Path, family: Family, model: Any, revision: str) -> LoadedCheckpoint:
    tokenizer = _load_tokenizer(folder)
    image_token_id = int(model.config.image_token_id)
    return LoadedCheckpoint(
        model=model,
        tokenizer=tokenizer,
        family=family,
        image_token=_image_token(tokenizer, image_token_id, model),
        image_token_id=image_token_id,
        eos_token_ids=_eos_token_ids(model, tokenizer),
        chat_template=read_chat_template(folder),
        revision=revision,
        folder=folder,
    )


def find_folder(name: str | PathLike[str]) -> tuple[Path, str | None]:
    """Give the folder of a checkpoint, fetched from the Hub if need be, and its commit where there is one."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        in_cache = folder.parent.name == "snapshots" and CACHED_COMMIT.fullmatch(folder.name)
        return folder, folder.name if in_cache else None
    if folder.is_file():
        raise CheckpointError(f"{folder} is a file; give the folder that holds it, its config.json and its tokenizer.")
    if not isinstance(name, str) or not HUB_ID.fullmatch(name):
        raise CheckpointError(f"{name} is neither a folder nor a Hub id such as owner/name.")
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        folder = Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(HUB_FILES)))
    except Exception as error:
        raise CheckpointError(
            f"{name} is no folder here and could not be fetched from the Hub ({type(error).__name__}). Check the name "
            "and the connection; for a gated model accept its terms on its page and run `hf auth login`."
        ) from error
    return folder, folder.name if CACHED_COMMIT.fullmatch(folder.name) else None


def weight_files(folder: Path) -> list[Path]:
    """List the safetensors files of a checkpoint, each proved readable; CheckpointError for anything else."""
    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        names = sorted(set(read_json(index).get("weight_map", {}).values()))
        if not names or any(Path(name).name != name for name in names):
            raise CheckpointError(f"{index} should map tensors to files that lie beside it.")
    files = [folder / name for name in names]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        foreign = sorted(file.name for file in folder.iterdir() if file.suffix in FOREIGN_WEIGHTS)
        if foreign and not index.is_file():
            raise CheckpointError(
                f"{folder} has its weights in {', '.join(foreign)}; Eyeward reads safetensors only, because other "
                "formats can run code. Convert them with transformers' save_pretrained on a machine that trusts them."
            )
        raise CheckpointError(f"{folder} lacks {', '.join(missing)}: the download or the copy is not complete.")
    for file in files:
        try:
            with safe_open(file, framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file} is not a whole safetensors file: {error}.") from error
    return files


def sha256_of(files: list[Path]) -> str:
    """Hash a file, or several: then the hash of their hashes, in the order given."""
    digests = []
    for file in files:
        with file.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def choose_device(device: torch.device | str) -> torch.device:
    """Turn `auto` into the best device there is, and see that a device that is named gives numbers back.

    Raises:
        UsageError: when there is no such device here.
    """
    if device == "auto":
        without = "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device("cuda" if torch.cuda.is_available() else without)
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).item()
    except (AssertionError, RuntimeError, TypeError) as error:
        here = ["auto", "cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise UsageError(f"There is no device {str(device)!r} here; use one of {', '.join(here)}.") from error
    return chosen


def choose_dtype(dtype: torch.dtype | str, device: torch.device, settings: dict[str, Any]) -> torch.dtype:
    """Turn `auto` or a name into a torch type."""
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype == "auto":
        stored = settings.get("dtype") or settings.get("torch_dtype")
        if device.type == "cpu":
            return torch.bfloat16 if stored in ("float16", "bfloat16") and has_bfloat16() else torch.float32
        dtype = stored or "bfloat16"
    chosen = getattr(torch, dtype, None)
    if not isinstance(chosen, torch.dtype) or not chosen.is_floating_point:
        raise CheckpointError(f"dtype {dtype!r} is not one of auto, float32, bfloat16, float16.")
    return chosen


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; one that does not is slower with it than with float32."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def read_chat_template(folder: Path) -> str | None:
    """Read the template from chat_template.jinja, chat_template.json or tokenizer_config.json; the first wins."""
    jinja = folder / "chat_template.jinja"
    if jinja.is_file():
        return jinja.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        template = read_json(folder / name).get("chat_template") if (folder / name).is_file() else None
        if isinstance(template, list):
            template = {entry.get("name"): entry.get("template") for entry in template}.get("default")
        if template:
            return str(template)
    return None


def _load_model(kind: Any, folder: Path, dtype: torch.dtype, device: torch.device | None) -> Any:
    """Load the weights onto a device; without one, onto all GPUs."""
    spread = {"device_map": "balanced"} if device is None else {}
    try:
        with quiet():
            model, report = kind.from_pretrained(
                folder,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **spread,
            )
    except Exception as error:
        raise CheckpointError(f"{folder} cannot be loaded: {error}") from error
    faults = [
        f"{len(report[key])} {what} ({_some(report[key])})"
        for key, what in (
            ("missing_keys", "tensors are missing"),
            ("unexpected_keys", "tensors have no place in the model"),
            ("mismatched_keys", "tensors have another shape"),
            ("error_msgs", "tensors could not be read"),
        )
        if report.get(key)
    ]
    if faults:
        raise CheckpointError(f"The weights in {folder} do not fit its config.json: {'; '.join(faults)}.")
    elsewhere = sorted({where for where in getattr(model, "hf_device_map", {}).values() if where in ("cpu", "disk")})
    if device is None and torch.cuda.is_available() and elsewhere:
        raise CheckpointError(f"The GPUs have no room for {folder}: some of its weights would lie on {elsewhere[0]}.")
    return (model if device is None else model.to(device)).eval().requires_grad_(False)


def _some(names: Any) -> str:
    listed = sorted(str(name[0] if isinstance(name, tuple) else name) for name in names)
    return ", ".join(listed[:5]) + (", …" if len(listed) > 5 else "")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and loading report to itself: faults are raised, with their names."""
    log: Any = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        with quiet():
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise CheckpointError(f"The tokenizer in {folder} cannot be loaded: {error}") from error


def _image_token(tokenizer: Any, image_token_id: int, model: Any) -> str:
    """Give the image token's text; CheckpointError where tokenizer, configuration and embeddings disagree."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise CheckpointError(
            f"The tokenizer has {len(tokenizer)} tokens, the model {rows}: they do not belong together."
        )
    token = tokenizer.convert_ids_to_tokens(image_token_id) if image_token_id < len(tokenizer) else None
    if token is None or tokenizer.encode(token, add_special_tokens=False) != [image_token_id]:
        raise CheckpointError(
            f"The image token of config.json, {image_token_id}, is no special token of the tokenizer."
        )
    return str(token)


def _eos_token_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Gather what ends an answer: generation_config.json and config.json count first, then the tokenizer."""
    for source in (model.generation_config, model.config, model.config.text_config, tokenizer):
        ids = getattr(source, "eos_token_id", None)
        if ids is not None:
            return (ids,) if isinstance(ids, int) else tuple(ids)
    return ()
