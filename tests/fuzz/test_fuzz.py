"""What holds for any record at all; `make soak` sends a million of them."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.ledger import Ledger
from tests.fuzz.account import OURS, Account, Broken, reads_as_json
from tests.fuzz.fuzzer import Fuzzed, records
from tests.fuzz.run import PROFILES, run
from tests.unit.lane_fakes import Record

SEED = 20_260_301
SOAK_RECORDS = 1_000_000
MAY_GROW_MB = 16.0  # what an allocator keeps of a megabyte's record, and caches that fill
SLOWEST_S = 2.0  # on the processor, for one poll: a tenth of a session's patience


def test_a_seed_makes_the_same_records_each_time() -> None:
    assert list(records(SEED, 300)) == list(records(SEED, 300))
    assert list(records(SEED, 300)) != list(records(SEED + 1, 300))


@pytest.mark.parametrize("profile", PROFILES)
def test_every_record_has_one_fate_and_none_holds_up_another(profile: str) -> None:
    figures = run(SEED, 4_000 if profile in {"defaults", "everything"} else 1_000, profile)
    assert figures.fates.total() == figures.records
    assert {"labelled", "passed over", "dead letter not_json", "dead letter not_a_ticket"} <= {*figures.fates}
    assert figures.slowest_s < SLOWEST_S


# ------------------------------------------------- what the account finds where a promise is broken

TICKET = Record(value=b'{"ticket_id": "1", "body": "b"}', key=b"k", headers=[("trace", b"1")], offset=0)
NO_TICKET = replace(TICKET, value=b"no json")
GOOD: OwnHeaders = [("trace", b"1"), *((name, b"0") for name in OURS)]
GOOD[1] = ("dlq.reason", b"not_json")
GOOD[2] = ("dlq.error", b"The value is not JSON.")


def partition() -> Partition:
    return Partition(topic="tickets", number=0, ledger=Ledger(start=0))


def account(record: Record, canary: str | None = None) -> Account:
    return Account(open={0: Fuzzed(record, canary)})


CHANGES: dict[str, Callable[..., tuple[bytes, bytes, OwnHeaders]]] = {
    "another key": lambda key, value, headers: (b"other", value, headers),
    "another value": lambda key, value, headers: (key, value + b" ", headers),
    "a header gone": lambda key, value, headers: (key, value, headers[1:]),
    "one of ours gone": lambda key, value, headers: (key, value, headers[:-1]),
    "a reason of no contract": lambda key, value, headers: (
        key,
        value,
        [*headers[:1], ("dlq.reason", b"?"), *headers[2:]],
    ),
}


def test_a_dead_letter_that_is_what_came_is_counted() -> None:
    kept = account(NO_TICKET)
    kept.dead_letter(partition(), 0, b"k", b"no json", GOOD)
    kept.settle()
    assert kept.fates == {"dead letter not_json": 1}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_dead_letter_that_is_not_what_came_is_found(
    change: Callable[..., tuple[bytes, bytes, OwnHeaders]],
) -> None:
    with pytest.raises(Broken):
        account(NO_TICKET).dead_letter(partition(), 0, *change(b"k", b"no json", GOOD))


def test_a_dead_letter_of_what_is_json_is_found() -> None:
    with pytest.raises(Broken, match="another parser says JSON"):
        account(TICKET).dead_letter(partition(), 0, b"k", TICKET.value or b"", GOOD)


def test_an_event_that_breaks_the_schema_is_found() -> None:
    event = orjson.dumps({"source": {"offset": 0}, "status": "labelled"})
    with pytest.raises(Broken, match="schema"):
        account(TICKET).publish(partition(), 0, b"k", event, [])


def test_a_canary_that_came_to_nothing_is_found() -> None:
    with pytest.raises(Broken, match="no end"):
        account(TICKET, canary="1").settle()


def test_a_second_fate_is_found() -> None:
    kept = account(NO_TICKET)
    kept.dead_letter(partition(), 0, b"k", b"no json", GOOD)
    with pytest.raises(Broken, match="done already"):
        kept.dead_letter(partition(), 0, b"k", b"no json", GOOD)


@pytest.mark.parametrize(
    ("value", "is_json"),
    [(b"\xef\xbb\xbf{}", True), (b'"\\ud83d"', True), (b"NaN", False), (b"1e999", False), (b"\xff", False)],
)
def test_the_other_parser_holds_to_the_same_rules(value: bytes, is_json: bool) -> None:
    assert reads_as_json(value) is is_json


# ------------------------------------------------------------------------------------- make soak


@pytest.mark.soak
def test_a_million_records_have_one_fate_each_in_flat_memory(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--records", str(SOAK_RECORDS), "--seed", str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    with capsys.disabled():
        sys.stdout.write(f"\n{done.stdout}")
    assert f"of {SOAK_RECORDS:,} |" in done.stdout
    grown = [float(mb) for mb in re.findall(r"\| (-?[\d.]+) \|$", done.stdout, re.MULTILINE)]
    assert grown
    assert max(grown) < MAY_GROW_MB
