"""Outcomes come from threads into the event loop: all of them, each once, many with one call."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from eyeward.serve.landing import Landing


class CountedLoop:
    """Passes calls on to a loop, and counts them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.calls = 0

    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        self.calls += 1
        self._loop.call_soon_threadsafe(callback)

    def call_soon(self, callback: Callable[[], object]) -> None:
        self._loop.call_soon(callback)


def test_all_that_land_together_are_woken_by_one_call() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        counted: Any = CountedLoop(loop)
        landing = Landing(counted)
        waiters = [loop.create_future() for _ in range(32)]
        thread = threading.Thread(target=lambda: deque(map(landing.wake, waiters)))
        thread.start()
        thread.join()  # the loop stands still meanwhile
        await asyncio.wait_for(asyncio.gather(*waiters), 60.0)
        return int(counted.calls)

    assert asyncio.run(main()) == 1


def test_one_is_woken_in_each_round_of_the_loop_so_that_others_have_their_turn_between_them() -> None:
    async def main() -> list[int]:
        landing = Landing(asyncio.get_running_loop())
        waiters = [landing.loop.create_future() for _ in range(5)]
        for waiter in waiters:
            landing.wake(waiter)
        assert len(landing) == 5
        done = []
        while len(landing):
            await asyncio.sleep(0)
            done.append(sum(waiter.done() for waiter in waiters))
        return done

    done = asyncio.run(main())
    assert done[-1] == 5 and all(after - before <= 1 for before, after in zip([0, *done], done, strict=False))


def test_whoever_lands_from_whatever_thread_is_woken() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        landing = Landing(loop)
        waiters = [[loop.create_future() for _ in range(500)] for _ in range(4)]

        def land(own: list[asyncio.Future[None]]) -> None:
            for waiter in own:
                landing.wake(waiter)

        threads = [threading.Thread(target=land, args=(own,)) for own in waiters]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(asyncio.gather(*(waiter for own in waiters for waiter in own)), 60.0)
        for thread in threads:
            thread.join()

    asyncio.run(main())


def test_who_has_ended_already_is_left_alone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        landing = Landing(loop)
        given_up, twice = loop.create_future(), loop.create_future()
        given_up.cancel()
        for waiter in (given_up, twice, twice):
            landing.wake(waiter)
        await asyncio.wait_for(twice, 60.0)
        assert given_up.cancelled()

    asyncio.run(main())


def test_a_loop_that_is_closed_is_no_failure_of_who_judges() -> None:
    loop = asyncio.new_event_loop()
    landing, waiter = Landing(loop), loop.create_future()
    loop.close()
    landing.wake(waiter)
    assert not waiter.done()
