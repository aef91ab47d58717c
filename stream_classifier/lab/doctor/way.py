"""The way to the brokers: name, connection, TLS, login, and the addresses that they send clients on to.

A step is tried with every bootstrap server that the step before it had been taken with. One of them is
enough to begin with, so the others' faults are notes; of the addresses that clients are sent on to, each
serves partitions that no other does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.approach import STEP_S, connect, encrypt, find_name
from stream_classifier.kafka.connection import addresses, let_in
from stream_classifier.lab.doctor.checks import GOOD, Check, Line, State, fault, not_checked, ok
from stream_classifier.settings.kafka import Kafka

NAME, CONNECTION, TLS, LOGIN, BROKERS = "broker name", "broker connection", "broker TLS", "login", "brokers"
RENEW_WITHIN = timedelta(days=14)  # what runs out sooner is worth a word

Address = tuple[str, int]
Found = tuple[State, str]
Step = Callable[[str, int], Awaitable[Found]]


class Way:
    """The way to the brokers of these settings."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._open = addresses(kafka)
        self._encrypted = kafka.security_protocol in ("SSL", "SASL_SSL")
        self._named: set[Address] = set()

    def checks(self) -> Iterator[Check]:
        """The steps in their order."""
        yield Check(name=NAME, run=lambda: self._each(NAME, self._find_name))
        yield Check(name=CONNECTION, run=lambda: self._each(CONNECTION, self._connect), needs=[NAME])
        yield Check(name=TLS, run=self._tls, needs=[CONNECTION])
        yield Check(
            name=LOGIN,
            run=lambda: self._each(LOGIN, self._log_in),
            needs=[TLS if self._encrypted else CONNECTION],
        )
        yield Check(name=BROKERS, run=self._brokers, needs=[LOGIN])

    async def _find_name(self, host: str, port: int) -> Found:
        found = await find_name(self._kafka, host, port)
        told = f"{host} is an address." if found == [host] else f"{host} is {', '.join(found)}."
        return State.OK, told

    async def _connect(self, host: str, port: int) -> Found:
        await connect(self._kafka, host, port)
        return State.OK, f"{host}:{port} takes connections."

    async def _tls(self) -> Iterable[Line]:
        if not self._encrypted:
            why = f"kafka.security_protocol is {self._kafka.security_protocol}, which does not encrypt."
            return [not_checked(TLS, why)]
        return await self._each(TLS, self._encrypt)

    async def _encrypt(self, host: str, port: int) -> Found:
        encryption = await encrypt(self._kafka, host, port)
        until = encryption.valid_until
        if until - datetime.now(UTC) < RENEW_WITHIN:
            return State.NOTE, f"The certificate of {host}:{port} ends on {until:%Y-%m-%d}: renew it before."
        return State.OK, f"{host}:{port} speaks {encryption.version}; its certificate ends {until:%Y-%m-%d}."

    async def _log_in(self, host: str, port: int) -> Found:
        self._named |= set(await let_in(self._kafka, host, port, STEP_S))
        return State.OK, f"{host}:{port} lets {_login(self._kafka)}."

    async def _brokers(self) -> Iterable[Line]:
        """Every address that clients are sent on to."""
        onward = sorted(self._named - set(addresses(self._kafka)))
        refused = [
            fault(
                BROKERS,
                f"The cluster names {host}:{port}, which cannot be used from here. {sentence} If that broker "
                "runs, set its advertised.listeners to an address that can.",
            )
            for (host, port), (state, sentence) in zip(
                onward, await self._try_all(onward, self._log_in), strict=True
            )
            if state is State.FAULT
        ]
        named = ", ".join(f"{host}:{port}" for host, port in sorted(self._named))
        return refused or [ok(BROKERS, f"{len(self._named)} in the cluster: {named}.")]

    async def _each(self, check: str, step: Step) -> Iterable[Line]:
        """Take a step with each server that is still open; one of them must serve."""
        found = await self._try_all(self._open, step)
        taken = [server for server, (state, _) in zip(self._open, found, strict=True) if state in GOOD]
        if not taken:
            return [fault(check, " ".join(sentence for _, sentence in found))]
        self._open = taken
        return [
            Line(check=check, state=State.NOTE if state is State.FAULT else state, sentence=sentence)
            for state, sentence in found
        ]

    async def _try_all(self, servers: Iterable[Address], step: Step) -> list[Found]:
        """Side by side: a server that does not answer holds up no other."""
        async with asyncio.TaskGroup() as tasks:
            tried = [tasks.create_task(_try(step, *server)) for server in servers]
        return [task.result() for task in tried]


async def _try(step: Step, host: str, port: int) -> Found:
    try:
        return await step(host, port)
    except OperatorFault as found:
        return State.FAULT, found.sentence


def _login(kafka: Kafka) -> str:
    """Who is let in there, as far as the settings say."""
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return "the bearer of the token in"
    if kafka.security_protocol.startswith("SASL_"):
        return f"{kafka.sasl_username} in by {kafka.sasl_mechanism or 'PLAIN'}"
    return "us in by our certificate" if kafka.ssl_cert_file else "us in without a login"
