"""The group's processes: started, told to stop, killed, frozen; and what they did that they should not."""

import asyncio
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from tests.broker.service_process import Member
from tests.broker.stream import Stream
from tests.patience import until

READY_WAIT_S = 60.0  # a node may be away meanwhile, and the machine is busy
SHUTDOWN_S = 25.0  # as the service's own default
END_SLACK_S = 5.0  # for the interpreter's own end, on a busy machine


def now_ms() -> int:
    """The clock that brokers, replicas and this process share."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Replicas:
    """Those that run, and a sentence for each that failed by itself."""

    stream: Stream
    running: list[Member] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def pick(self, share: float) -> Member:
        """One of those that run; `share` from 0 to 1 says which."""
        return self.running[int(share * len(self.running))]

    async def start(self, count: int = 1) -> None:
        """Start so many, and wait until they are ready."""
        await asyncio.gather(*(self._start_one() for _ in range(count)))

    async def kill(self, replica: Member) -> None:
        """Kill it, as the machine's end would."""
        if replica not in self.running:  # it ended by itself, and was replaced
            return
        self.running.remove(replica)
        with suppress(ProcessLookupError):
            replica.tell(signal.SIGKILL)
        await replica.exited()

    async def freeze(self, replica: Member, seconds: float) -> None:
        """Stop it in its tracks for so long."""
        with suppress(ProcessLookupError):
            replica.tell(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            replica.tell(signal.SIGCONT)

    async def term(self, replica: Member) -> None:
        """Tell it to stop, and see that it does so in time and with status 0."""
        if replica not in self.running:
            return
        self.running.remove(replica)
        began = time.monotonic()
        with suppress(ProcessLookupError):
            replica.tell(signal.SIGTERM)
        try:
            async with asyncio.timeout(SHUTDOWN_S + END_SLACK_S):
                status = await replica.exited()
        except TimeoutError:
            replica.tell(signal.SIGKILL)
            await replica.exited()
            self.complaints.append(f"{replica.name} had to be killed: it did not stop in {SHUTDOWN_S:.0f} s.")
            return
        if status != 0:
            after_s = time.monotonic() - began
            self.complaints.append(f"{replica.name} stopped with status {status} after {after_s:.1f} s.")

    async def replace_the_ended(self) -> None:
        """Those that ended by themselves are complained of, and started again, as Kubernetes would."""
        ended = [replica for replica in self.running if replica.process.returncode is not None]
        for replica in ended:
            self.running.remove(replica)
            self.complaints.append(f"{replica.name} ended by itself, status {replica.process.returncode}.")
        await self.start(len(ended))

    async def _start_one(self) -> None:
        replica = await self.stream.member()
        self.running.append(replica)
        try:
            await until(lambda: is_ready(replica), READY_WAIT_S)
        except TimeoutError:
            self.complaints.append(f"{replica.name} was not ready after {READY_WAIT_S:.0f} s.")


async def is_ready(replica: Member) -> bool:
    """Whether it is in the group and may take work. One that has ended will not be."""
    if replica.process.returncode is not None:
        return True
    try:
        return (await replica.get("/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
