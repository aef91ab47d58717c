"""How the doctor's checks are tried, what it says of clocks and of partitions: without any broker."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.topic_health import health
from stream_classifier.kafka.topic_rules import Role, Severity, Topic
from stream_classifier.lab.doctor.checks import Check, Line, State, examine, fault, note, ok
from stream_classifier.llm.visit import clock_ahead_s

Run = Callable[[], Awaitable[Iterable[Line]]]
DATED = 1_792_000_000  # unix seconds of the header below
HEADER = {"date": "Wed, 14 Oct 2026 17:46:40 GMT"}


def saying(*lines: Line) -> Run:
    async def run() -> Iterable[Line]:
        return lines

    return run


async def states(*checks: Check) -> dict[str, State]:
    return {line.check: line.state async for line in examine(checks, lambda _: None)}


async def test_a_check_that_needs_what_is_at_fault_is_not_tried_and_says_what_it_needs() -> None:
    tried: list[str] = []
    checks = [
        Check(name="broker", run=saying(fault("broker", "It is away."))),
        Check(name="topics", run=saying(ok("topics", "All there.")), needs=["broker"]),
    ]
    lines = [line async for line in examine(checks, tried.append)]
    assert [(line.check, line.state) for line in lines] == [
        ("broker", State.FAULT),
        ("topics", State.NOT_CHECKED),
    ]
    assert lines[1].sentence == "It needs this first: broker."
    assert tried == ["broker"]


async def test_a_note_is_good_enough_for_what_depends_on_it() -> None:
    first = Check(name="broker", run=saying(note("broker", "One of two is away.")))
    assert (await states(first, Check(name="topics", run=saying(ok("topics", "")), needs=["broker"])))[
        "topics"
    ] is State.OK


async def test_what_depends_on_one_line_of_a_check_is_tried_though_another_line_is_at_fault() -> None:
    rights = Check(name="rights", run=saying(ok("READ", ""), fault("WRITE", "")))
    reading = Check(name="offsets", run=saying(ok("offsets", "")), needs=["READ"])
    writing = Check(name="sending", run=saying(ok("sending", "")), needs=["WRITE"])
    found = await states(rights, reading, writing)
    assert (found["offsets"], found["sending"]) == (State.OK, State.NOT_CHECKED)


async def test_a_fault_that_is_raised_is_the_line() -> None:
    async def run() -> Iterable[Line]:
        raise OperatorFault("Nothing listens there.")

    [line] = [line async for line in examine([Check(name="broker", run=run)], lambda _: None)]
    assert line == fault("broker", "Nothing listens there.")


async def test_a_check_that_never_ends_is_a_fault_when_its_time_is_over() -> None:
    async def run() -> Iterable[Line]:
        await asyncio.Event().wait()
        return []

    began = asyncio.get_running_loop().time()
    [line] = [line async for line in examine([Check(name="broker", run=run, limit_s=7)], lambda _: None)]
    assert line.state is State.FAULT
    assert "no answer within 7 s" in line.sentence
    assert asyncio.get_running_loop().time() - began == 7


async def test_a_check_that_is_not_wanted_says_why() -> None:
    unwanted = Check(name="ticket", run=saying(ok("ticket", "")), why_not=lambda: "It costs.")
    [line] = [line async for line in examine([unwanted], lambda _: None)]
    assert (line.state, line.sentence) == (State.NOT_CHECKED, "It costs.")


@pytest.mark.parametrize("ahead_s", [-3600.0, 0.0, 90.0])
def test_a_clock_is_compared_with_the_middle_of_the_headers_second(ahead_s: float) -> None:
    assert clock_ahead_s(HEADER, DATED + 0.5 + ahead_s) == ahead_s


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}, {"date": ""}])
def test_without_a_date_that_can_be_read_nothing_is_said_of_the_clock(headers: dict[str, str]) -> None:
    assert clock_ahead_s(headers, DATED) is None


def topic(in_sync: int | None, *, leaderless: tuple[int, ...] = (), needed: int | None = 2) -> Topic:
    return Topic(
        name="t",
        partitions=3,
        replication=3,
        leaderless=leaderless,
        fewest_in_sync=in_sync,
        min_insync_replicas=needed,
    )


@pytest.mark.parametrize(
    ("role", "seen", "severity"),
    [
        (Role.OUTPUT, topic(3), None),
        (Role.OUTPUT, topic(None), None),
        (Role.OUTPUT, topic(2), Severity.NOTE),
        (Role.OUTPUT, topic(1), Severity.FAULT),
        (Role.DEAD_LETTER, topic(1), Severity.FAULT),
        (Role.INPUT, topic(1), Severity.NOTE),  # it is only read
        (Role.OUTPUT, topic(1, needed=None), Severity.NOTE),
        (Role.INPUT, topic(3, leaderless=(2,)), Severity.FAULT),
    ],
)
def test_partitions_are_judged_by_what_can_be_done_with_them(
    role: Role, seen: Topic, severity: Severity | None
) -> None:
    assert [finding.severity for finding in health(role, seen)] == ([severity] if severity else [])
