"""Time in unit tests: an event loop whose clock jumps to the next timer, so that no test waits.

The rules of `JumpingLoop`:

1. While something is ready, it runs, and the clock stands still.
2. Where nothing is ready, the clock jumps to the next timer: an hour's deadline passes at once.
3. Work handed to a thread (`asyncio.to_thread`) is waited for in real time, with the clock standing still.
4. Where nothing is ready, no timer is set and no thread works, nothing can ever happen: `NeverReadyError`.
5. Sockets, pipes and child processes are refused: what needs them belongs into tests/journey or
   tests/broker, which run on an ordinary loop.

A loop that only ever jumps (a task that polls for what never comes) ends after `MAX_JUMPS`.
"""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

import pytest

START_S = 1_000.0  # not 0: a test that takes "no time yet" for a time shows itself
MAX_JUMPS = 100_000  # some seconds of work; the longest honest test needs a hundredth of it
THREAD_WAIT_S = 10.0  # of real time, for work in a thread

_Result = TypeVar("_Result")
_Args = TypeVarTuple("_Args")


class NeverReadyError(RuntimeError):
    """The test waits for what can never happen on this loop."""


class JumpingSelector(selectors.DefaultSelector):
    """Turns the loop's waiting into jumps of the clock. Knows one file: the loop's own wake-up pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = START_S
        self.threads = 0  # jobs in threads that have not come back
        self._jumps = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.get_map():
            raise NeverReadyError(
                "A unit test does no I/O, and this one opened a socket, a pipe or a process. "
                "Hand the code a fake, or move the test into tests/journey."
            )
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.threads:
            return self._wait_for_threads()
        self._jump(timeout)
        return []

    def _wait_for_threads(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(THREAD_WAIT_S)
        if not ready:
            raise NeverReadyError(f"A thread did not come back within {THREAD_WAIT_S:g} s.")
        return ready

    def _jump(self, timeout: float | None) -> None:
        if timeout is None:
            raise NeverReadyError(
                "The test waits, but nothing is ready, no timer is set and no thread works: "
                "whatever should set that event, put into that queue or resolve that future is not running."
            )
        self._jumps += 1
        if self._jumps > MAX_JUMPS:
            raise NeverReadyError(
                f"The clock jumped {MAX_JUMPS} times: something polls for what never comes."
            )
        self.now_s += timeout


class JumpingLoop(asyncio.SelectorEventLoop):
    """An ordinary selector loop, told the time by `JumpingSelector`."""

    def __init__(self) -> None:
        self._clock = JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Args], _Result], *args: *_Args
    ) -> asyncio.Future[_Result]:
        job = super().run_in_executor(executor, func, *args)
        self._clock.threads += 1
        job.add_done_callback(self._thread_is_back)
        return job

    async def shutdown_default_executor(self, *limits: Any) -> None:
        """Counts the thread that joins the others; else rule 4 would end the loop's own closing."""
        self._clock.threads += 1
        try:
            await super().shutdown_default_executor(*limits)
        finally:
            self._clock.threads -= 1

    def _thread_is_back(self, _job: asyncio.Future[Any]) -> None:
        self._clock.threads -= 1


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every async test below this folder runs on a `JumpingLoop`."""
    return {"jumping": JumpingLoop}
