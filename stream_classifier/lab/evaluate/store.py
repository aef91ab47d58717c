"""What an evaluation has paid for: calls and answers, in a SQLite file beside the input.

Rules
-----
* Before a call is sent, what it may cost at the most is written down; after it, what it did cost, together
  with the answers that it brought, in one transaction. A kill leaves calls without an end: those may have
  been paid.
* What is written is with the system when the call returns, so a kill of the process takes nothing back. A
  loss of power may take the last moments.
* An answer is found under the configuration that it was paid in and the text, and under nothing else.
* One process at a time has the file: two would pay for the same texts.
* A file that is not ours is never written to.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from stream_classifier.core.faults import OperatorFault

SUFFIX = ".evaluate.db"
IN_MEMORY = Path(":memory:")  # a store that nobody will find again
APPLICATION_ID = int.from_bytes(b"SCLE")
SCHEMA_VERSION = 1
LOOKED_UP_AT_A_TIME = 500  # below SQLite's limit on variables of any build

CREATE = f"""
CREATE TABLE calls (
  id INTEGER PRIMARY KEY, configuration TEXT NOT NULL, model TEXT NOT NULL,
  held_usd REAL NOT NULL, ended INTEGER NOT NULL DEFAULT 0, cost_usd REAL
);
CREATE INDEX calls_by_configuration ON calls (configuration);
CREATE TABLE answers (question BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE times (configuration TEXT PRIMARY KEY, elapsed_s REAL NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""
BEGIN_CALL = "INSERT INTO calls (configuration, model, held_usd) VALUES (?, ?, ?)"
END_CALL = "UPDATE calls SET ended = 1, cost_usd = ? WHERE id = ?"
KEEP = "INSERT OR REPLACE INTO answers VALUES (?, ?)"
ADD_TIME = """
INSERT INTO times VALUES (?, ?)
ON CONFLICT (configuration) DO UPDATE SET elapsed_s = elapsed_s + excluded.elapsed_s
"""
PAID = """
SELECT count(*), coalesce(sum(coalesce(cost_usd, held_usd)), 0), coalesce(sum(1 - ended), 0)
FROM calls WHERE configuration = ?
"""
TIME = "SELECT elapsed_s FROM times WHERE configuration = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidAnswer:
    """What a text was answered in one configuration. `labels` are one a question; `reason` says why not all
    are given. Batch, place and latency are those of the call that gave it, None where none did; tokens and
    cost its share of every attempt."""

    labels: tuple[str | None, ...]
    reason: str | None
    lane: str
    model: str | None
    decided_by: str | None
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    batch_id: str | None
    batch_size: int | None
    position: int | None
    latency_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """All calls of a configuration, whatever they were for. Where nobody knows what one cost, it counts as
    what it may have cost at the most; so do the `lost` ones, under way when a process was killed."""

    calls: int
    usd: float
    lost: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call's end: its cost, None where nobody knows."""

    call: int
    cost_usd: float | None


class Store:
    """An open store. Every method raises `OperatorFault` where the file cannot be read or written."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def begin_call(self, configuration: str, model: str, held_usd: float) -> int:
        """A call is about to be sent that may cost so much. Returns its number."""
        with _told(self.path), _transaction(self._connection):
            number = self._connection.execute(BEGIN_CALL, (configuration, model, held_usd)).lastrowid
        assert number is not None, "an insert has a row"
        return number

    def keep(self, ended: Iterable[Ended], answers: Iterable[tuple[bytes, PaidAnswer]]) -> None:
        """Calls have ended, and this is what they brought; all of it or nothing is kept."""
        costs = [(end.cost_usd, end.call) for end in ended]
        values = [(question, _encoded(answer)) for question, answer in answers]
        with _told(self.path), _transaction(self._connection):
            self._connection.executemany(END_CALL, costs)
            self._connection.executemany(KEEP, values)

    def add_time(self, configuration: str, elapsed_s: float) -> None:
        """This configuration was worked on for so long."""
        with _told(self.path), _transaction(self._connection):
            self._connection.execute(ADD_TIME, (configuration, elapsed_s))

    def answers(self, questions: Sequence[bytes]) -> dict[bytes, PaidAnswer]:
        """What is known of these."""
        found: dict[bytes, PaidAnswer] = {}
        with _told(self.path):
            for begin in range(0, len(questions), LOOKED_UP_AT_A_TIME):
                some = questions[begin : begin + LOOKED_UP_AT_A_TIME]
                marks = ",".join("?" * len(some))
                rows = self._connection.execute(
                    f"SELECT question, value FROM answers WHERE question IN ({marks})",
                    some,
                )
                found |= {question: _decoded(value) for question, value in rows}
        return found

    def paid(self, configuration: str) -> Paid:
        """All that was paid for this configuration so far."""
        with _told(self.path):
            row = self._connection.execute(PAID, (configuration,)).fetchone()
            elapsed = self._connection.execute(TIME, (configuration,)).fetchone()
        calls, usd, lost = row
        return Paid(calls=calls, usd=usd, lost=lost, elapsed_s=elapsed[0] if elapsed else 0.0)


def require_writable(folder: Path) -> None:
    """Raises `OperatorFault` where no store can be made in this folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OperatorFault(
            f"What is paid for cannot be kept in {folder}: name by --store a file in a directory that exists"
            " and may be written."
        )


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """The store at this path, made where there is none, for this process alone while the block lasts. Raises
    `OperatorFault`."""
    with _told(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        with _told(path):
            _prepare(path, connection)
        yield Store(path, connection)
    finally:
        connection.close()


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Lock the file, and lay out a new one."""
    # WAL without a sync at each commit: against a kill the system's memory is enough, and a sync may take as
    # long as a call.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner == 0 and tables == 0:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {CREATE} COMMIT;")
    elif (owner, version) != (APPLICATION_ID, SCHEMA_VERSION):
        raise OperatorFault(
            f"{path} is no store of `evaluate`, or one of another version: name another file by --store."
        )
    connection.execute("PRAGMA synchronous = NORMAL")
    with _transaction(connection):
        pass  # takes the lock now, and not at the first call


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's errors as sentences about the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise OperatorFault(
                f"{path} is in use by another `evaluate`: wait until it has ended, or name another file by"
                " --store."
            ) from error
        raise OperatorFault(
            f"{path} cannot be written ({error}): mend that, or name by --store a file in a directory that"
            " exists and may be written. What is paid for is kept there."
        ) from error
    except sqlite3.DatabaseError as error:
        raise OperatorFault(
            f"{path} cannot be read ({error}): it is damaged or no store of `evaluate`; name another file by"
            " --store."
        ) from error


def _encoded(answer: PaidAnswer) -> bytes:
    return orjson.dumps(answer)


def _decoded(value: bytes) -> PaidAnswer:
    fields = orjson.loads(value)
    return PaidAnswer(**{**fields, "labels": tuple(fields["labels"])})
