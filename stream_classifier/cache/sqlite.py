"""The SQLite cache: one file, kept across restarts and `kill -9`, safe for two processes.

Rules:

* One worker thread has the only connection, so SQLite never blocks the event loop and no lock is ours.
* A write is one short transaction: the entries, then a few expired ones out, then, beyond the limits,
  a few of those that would expire next. Small steps, so that no write takes long; a limit that was
  lowered is reached over the following writes.
* A file that is damaged, or not ours, is put aside under another name, and a new one begun: it may be
  somebody's, so it is never deleted.
* A path that cannot be written is said at the start, for a person to mend (`OperatorFault`). What may pass
  by itself (a full disk, an I/O error, a lock held too long) is a `CacheFault` of the first call that meets
  it, also right after the start: the connection is let go, the next call tries again.
* The write-ahead log is bounded, too: where another program's reading keeps it from being cut back, nothing
  is written until it ends.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import EACCES, EDQUOT, EINTR, EIO, EMFILE, ENFILE, ENOSPC
from pathlib import Path
from typing import TypeVar

import structlog

from stream_classifier.cache import schema
from stream_classifier.cache.backend import CacheFault
from stream_classifier.cache.spend import DAYS_KEPT, DayAndLane, Spends
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.known import Known, decode, encode
from stream_classifier.core.updates import Note

log = structlog.get_logger(__name__)

STEP_ENTRIES = 100
"""The fewest entries that one write may clear out: 3 ms at 100,000 entries."""
STEPS_PER_WRITTEN = 2
"""A large write clears out twice what it brings, so that clearing always outruns filling."""
OWNER_ONLY = 0o600
LOG_MOST_BYTES = 32 << 20
"""Of the write-ahead log, which is 4 MiB as a rule. The first to open the file after a kill reads all of it:
60 ms for 86 MiB, 300 for 612 (measured), and several times that on a busy machine."""
LASTING = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
PASSING = {ENOSPC, EDQUOT, EIO, EMFILE, ENFILE, EINTR}

Result = TypeVar("Result")


class SQLiteCache:
    """Entries in a SQLite file, at most `max_entries` and about `max_bytes`; `clock` gives unix seconds."""

    name = "sqlite"

    def __init__(self, path: Path, *, max_entries: int, max_bytes: int, clock: Callable[[], float]) -> None:
        self._path = path
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="cache-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    async def open(self) -> None:
        """Open or create the file. Raises `OperatorFault` where the path cannot be written."""
        try:
            await self._in_worker(self._connect)
        except CacheFault as fault:
            if _is_lasting(fault.__cause__):
                raise OperatorFault(
                    f"cache.path {self._path}: {fault}. Name a file in a directory that exists and that this"
                    " process may write, or set cache.backend to memory."
                ) from fault

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """The entries that are there, can be read and have not expired."""
        return await self._in_worker(lambda: self._read(keys))

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        """Keep these entries, and clear out a few that have expired or are too many."""
        rows = [(key, encode(known), known.expires_at) for key, known in entries.items()]
        await self._in_worker(lambda: self._write(rows))

    async def read_notes(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The notes that are there and have not expired."""
        return await self._in_worker(lambda: self._read_notes(keys))

    async def write_notes(self, notes: Mapping[bytes, Note]) -> None:
        """Keep these, but for those older than what is there, and clear out a few."""
        rows = [(key, note.value, note.at_ms, note.expires_at) for key, note in notes.items()]
        await self._in_worker(lambda: self._write_notes(rows))

    async def spent(self) -> Spends:
        """What is kept of each day's spend."""
        return await self._in_worker(self._read_spend)

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None:
        """Add these amounts, and clear out the days that are long over."""
        rows = [(day, lane, usd) for (day, lane), usd in spends.items()]
        await self._in_worker(lambda: self._write_spend(rows))

    async def close(self) -> None:
        """Finish what the worker has begun, close the file, end the thread."""
        with suppress(CacheFault):
            await self._in_worker(self._let_go)
        self._worker.shutdown(wait=False)

    # From here on everything runs in the worker thread.

    async def _in_worker(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._guarded, work)

    def _guarded(self, work: Callable[[], Result]) -> Result:
        """Do `work`; of a damaged file, put it aside and do it once more in a new one."""
        try:
            try:
                return work()
            except sqlite3.DatabaseError as error:
                if not _is_damaged(error):
                    raise
                self._put_aside("damaged")
                return work()
        except (sqlite3.Error, OSError) as error:
            self._let_go()
            raise CacheFault(_reason(error)) from error

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        self._create_file()
        connection = self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._inode = self._path.stat().st_ino
        if schema.prepare(connection) is schema.Owner.OTHER:
            self._put_aside("foreign")
            return self._connect()
        return connection

    def _create_file(self) -> None:
        # SQLite would create it readable for all; its -wal and -shm take over the file's mode.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
        if not os.access(self._path, os.W_OK):  # SQLite would open it all the same, and refuse each write
            raise PermissionError(EACCES, os.strerror(EACCES))

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        (rows,) = self._connect().execute(schema.READ_MANY, {"keys": b"".join(keys)}).fetchone()
        found, now = dict[bytes, Known](), self._clock()
        for row in (rows or "").split(","):
            place, _, value = row.partition(" ")
            known = decode(bytes.fromhex(value))
            if known is not None and known.expires_at > now:
                found[keys[int(place)]] = known
        return found

    def _write(self, rows: Sequence[tuple[bytes, bytes, float]]) -> None:
        connection = self._connect()
        self._bound_log(connection)
        with schema.transaction(connection):
            connection.executemany(schema.WRITE, rows)
            self._clear_out(connection, max(STEP_ENTRIES, STEPS_PER_WRITTEN * len(rows)))

    def _read_notes(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        connection, now = self._connect(), self._clock()
        rows = {key: connection.execute(schema.READ_NOTE, (key, now)).fetchone() for key in keys}
        return {key: row[0] for key, row in rows.items() if row}

    def _write_notes(self, rows: Sequence[tuple[bytes, bytes, int, float]]) -> None:
        connection = self._connect()
        self._bound_log(connection)
        with schema.transaction(connection):
            connection.executemany(schema.WRITE_NOTE, rows)
            step = max(STEP_ENTRIES, STEPS_PER_WRITTEN * len(rows))
            connection.execute(schema.DROP_EXPIRED_NOTES, (self._clock(), step))
            (notes,) = connection.execute(schema.NOTES_TOTAL).fetchone()
            connection.execute(schema.DROP_OLDEST_NOTES, (min(step, max(notes - self._max_entries, 0)),))

    def _read_spend(self) -> Spends:
        rows = self._connect().execute(schema.READ_SPEND)
        return {(day, lane): usd for day, lane, usd in rows}

    def _write_spend(self, rows: Sequence[tuple[int, str, float]]) -> None:
        connection = self._connect()
        with schema.transaction(connection):
            connection.executemany(schema.ADD_SPEND, rows)
            connection.execute(schema.DROP_SPEND, (max(day for day, *_ in rows) - DAYS_KEPT,))

    def _bound_log(self, connection: sqlite3.Connection) -> None:
        """Raises `CacheFault` where the log is too large and cannot be begun anew."""
        with suppress(FileNotFoundError):
            if Path(f"{self._path}-wal").stat().st_size > LOG_MOST_BYTES and not schema.checkpoint(
                connection
            ):
                raise CacheFault("another program's reading keeps the write-ahead log from being cut back")

    def _clear_out(self, connection: sqlite3.Connection, step: int) -> None:
        step -= connection.execute(schema.DROP_EXPIRED, (self._clock(), step)).rowcount
        while step > 0 and (excess := self._excess(connection)):
            step -= connection.execute(schema.DROP_NEXT_TO_EXPIRE, (min(step, excess),)).rowcount

    def _excess(self, connection: sqlite3.Connection) -> int:
        """How many entries are too many; for bytes, as many as hold them on average."""
        entries, size_bytes = schema.totals(connection)
        over_bytes = max(0, size_bytes - self._max_bytes)
        by_bytes = -(-over_bytes * entries // size_bytes) if over_bytes else 0
        return max(0, entries - self._max_entries, by_bytes)

    def _put_aside(self, what: str) -> None:
        self._let_go()
        aside = self._path.with_name(f"{self._path.name}.{what}-{int(self._clock() * 1000)}")
        # Another process may have put it aside already: then the path names its new file.
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino != self._inode:
                return
            for suffix in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    Path(f"{self._path}{suffix}").rename(f"{aside}{suffix}")
            log.warning("cache_file_put_aside", path=str(self._path), moved_to=str(aside), reason=what)

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _is_lasting(error: BaseException | None) -> bool:
    """Whether only a person can help: a path that does not exist, or may not be written."""
    if isinstance(error, OSError):
        return error.errno not in PASSING
    return isinstance(error, sqlite3.Error) and _code(error) in LASTING


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None where the error is the Python module's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _reason(error: sqlite3.Error | OSError) -> str:
    """SQLite's and the system's own short words ("disk I/O error"): they hold no value of ours."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
