"""What a curator would use instead of `eyeward annotate`: `map` of datasets, and Ray Data's `map_batches`.

Both ask the same guard about the same Parquet files and write Parquet: key, rating, probability and the whole verdict.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from eyeward.guard import Guard, Request
from eyeward.policy import Policy

POLICY = Policy.load("default")
TOGETHER = 256
"""Images of a batch."""
MakeGuard = Callable[[], Guard]
"""A function of a module: other processes load it by its name."""


def answered(guard: Guard, keys: Sequence[str], images: Sequence[bytes]) -> dict[str, list[Any]]:
    """Return the columns that they write: fewer than ours."""
    requests = (Request(image, POLICY, False, key) for key, image in zip(keys, images, strict=True))
    verdicts = list(guard.assess_requests(requests))
    return {
        "key": list(keys),
        "rating": [None if verdict.rating is None else verdict.rating.value for verdict in verdicts],
        "p_unsafe": [verdict.p_unsafe for verdict in verdicts],
        "verdict": [verdict.model_dump_json() for verdict in verdicts],
    }


@cache
def own_guard(make: MakeGuard) -> Guard:
    """Make the guard of a process, once."""
    return make()


def judge_rows(rows: dict[str, Any], make: MakeGuard) -> dict[str, list[Any]]:
    """Judge a batch of `datasets`."""
    return answered(own_guard(make), rows["key"], [image["bytes"] for image in rows["image"]])


def by_datasets(folder: Path, place: Path, processes: int, make: MakeGuard) -> tuple[float, float]:
    """Return the seconds of loading, and of mapping and writing."""
    import datasets

    datasets.disable_progress_bars()
    began = time.perf_counter()
    files = [str(file) for file in sorted(folder.iterdir())]
    read = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(place / "cache"))
    loaded = time.perf_counter()
    judged = read.map(
        judge_rows,
        batched=True,
        batch_size=TOGETHER,
        remove_columns=["image"],
        num_proc=processes if processes > 1 else None,
        fn_kwargs={"make": make},
    )
    judged.to_parquet(str(place / "judged.parquet"))
    return loaded - began, time.perf_counter() - loaded


class RayJudge:
    """The guard in an actor of Ray Data."""

    def __init__(self, make: MakeGuard) -> None:
        self.guard = make()

    def __call__(self, batch: Any) -> Any:
        """Judge a batch, given as a table."""
        images = [image["bytes"] for image in batch["image"].to_pylist()]
        return pa.table(answered(self.guard, batch["key"].to_pylist(), images))


def by_ray_data(folder: Path, place: Path, processes: int, make: MakeGuard) -> float:
    """Return the seconds of reading, mapping and writing; Ray is there already (`cluster`)."""
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    began = time.perf_counter()
    read = ray.data.read_parquet(str(folder))
    judged = read.map_batches(
        RayJudge,
        batch_size=TOGETHER,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=processes),
        fn_constructor_args=(make,),
    )
    judged.write_parquet(str(place / "ray"))
    return time.perf_counter() - began


@contextmanager
def cluster(processors: int) -> Iterator[None]:
    """Start Ray on this machine: with twice the processors that judge, or its readers starve."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ray.init(
        num_cpus=processors,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )
    try:
        yield
    finally:
        ray.shutdown()
