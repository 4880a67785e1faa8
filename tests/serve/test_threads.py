"""Threads for one part of the service: bounded, and waited for by nobody else."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eyeward.serve.refusals import TooBusy
from eyeward.serve.threads import Threads

LONG = 60.0


def test_work_that_hangs_keeps_nobody_waiting_elsewhere() -> None:
    threads, hold = Threads("held", 2, 30), threading.Event()

    async def ask() -> list[bool]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        hung = [asyncio.ensure_future(threads.do(lambda: hold.wait(LONG))) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(lambda: None), LONG / 2)
        assert not any(one.done() for one in hung)
        hold.set()
        return await asyncio.gather(*hung)

    assert asyncio.run(ask()) == [True] * 10
    threads.close(wait=True)


def test_more_than_may_wait_is_refused_and_its_place_is_free_when_work_has_ended() -> None:
    threads, hold = Threads("held", 1, 2), threading.Event()

    async def ask() -> None:
        hung = [asyncio.ensure_future(threads.do(lambda: hold.wait(LONG))) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await threads.do(lambda: None)
        hold.set()
        await asyncio.gather(*hung)
        assert await threads.do(lambda: "again") == "again"

    asyncio.run(ask())
    threads.close(wait=True)


def test_what_goes_wrong_is_raised_and_costs_no_place() -> None:
    threads = Threads("failing", 1, 0)

    def fail() -> None:
        raise OSError("the disk is gone")

    async def ask() -> None:
        for _ in range(3):
            with pytest.raises(OSError, match="the disk is gone"):
                await threads.do(fail)

    asyncio.run(ask())
    threads.close(wait=True)


def test_a_place_is_taken_until_the_work_has_ended_though_nobody_waits_for_it() -> None:
    threads, hold, ended = Threads("held", 1, 0), threading.Event(), threading.Event()

    def work() -> None:
        hold.wait(LONG)
        ended.set()

    async def ask() -> None:
        asked = asyncio.ensure_future(threads.do(work))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])
        with pytest.raises(TooBusy):
            await threads.do(lambda: None)

    asyncio.run(ask())
    assert not ended.is_set()
    hold.set()
    threads.close(wait=True)
    assert ended.is_set()
