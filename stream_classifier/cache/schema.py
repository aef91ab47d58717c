"""The SQLite file's layout, and what it takes to trust one: pure SQL on an open connection.

Measured with 200,000 entries of 230 bytes, against a table without rowids keyed by the hash: half the
time to write (25 against 52 µs an entry, because hashed keys scatter over the pages and only the small
index suffers from it here), 7 % less file, reads alike (8 against 7 µs).

`totals` has one row with the number of entries and their bytes. Triggers keep it in the transaction of
each change, so no limit ever needs a count of the table, and two processes see the same numbers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

APPLICATION_ID = int.from_bytes(b"SCLC")
"""Marks the file as ours in SQLite's own header, for us and for `file(1)`."""
SCHEMA_VERSION = 1

BUSY_TIMEOUT_MS = 1_000
"""How long one process waits for another's write; theirs take milliseconds."""
WAL_KEPT_BYTES = 16 << 20
"""A write-ahead log that grew beyond this (a checkpoint was held up) is cut back."""
PAGE_CACHE_KIB = 8 << 10
"""Holds the upper pages of a million entries' index."""
ROW_OVERHEAD_BYTES = 128
"""What a row takes in the file beyond its value (measured): the key twice, expiry, cells, part-full pages."""

CREATE_SPEND = """
CREATE TABLE IF NOT EXISTS spend (
  day INTEGER NOT NULL, lane TEXT NOT NULL, usd REAL NOT NULL, PRIMARY KEY (day, lane)
) WITHOUT ROWID
"""
"""Came after version 1 and is made in files that lack it. Programs of that version pass it over, so the
version stays, and either may open the other's file."""

CREATE_NOTES = """
CREATE TABLE IF NOT EXISTS notes (
  key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, made_at_ms INTEGER NOT NULL, expires_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS notes_by_expiry ON notes (expires_at);
CREATE TABLE IF NOT EXISTS notes_total (notes INTEGER NOT NULL);
INSERT INTO notes_total SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM notes_total);
CREATE TRIGGER IF NOT EXISTS note_in AFTER INSERT ON notes BEGIN
  UPDATE notes_total SET notes = notes + 1;
END;
CREATE TRIGGER IF NOT EXISTS note_out AFTER DELETE ON notes BEGIN
  UPDATE notes_total SET notes = notes - 1;
END;
"""
"""The same holds for what is remembered of tickets."""
HAS_NOTES = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'note_out'"  # the last of them

CREATE = f"""
CREATE TABLE known (key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, expires_at REAL NOT NULL);
CREATE INDEX known_by_expiry ON known (expires_at);
CREATE TABLE totals (entries INTEGER NOT NULL, size_bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (0, 0);
CREATE TRIGGER known_in AFTER INSERT ON known BEGIN
  UPDATE totals SET entries = entries + 1, size_bytes = size_bytes + length(new.value) + {ROW_OVERHEAD_BYTES};
END;
CREATE TRIGGER known_out AFTER DELETE ON known BEGIN
  UPDATE totals SET entries = entries - 1, size_bytes = size_bytes - length(old.value) - {ROW_OVERHEAD_BYTES};
END;
CREATE TRIGGER known_anew AFTER UPDATE OF value ON known BEGIN
  UPDATE totals SET size_bytes = size_bytes + length(new.value) - length(old.value);
END;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""

READ = "SELECT value FROM known WHERE key = ?"
READ_MANY = """
WITH RECURSIVE place (at) AS (SELECT 1 UNION ALL SELECT at + 32 FROM place WHERE at + 32 < length(:keys))
SELECT group_concat((at / 32) || ' ' || hex(value))
FROM place CROSS JOIN known ON key = substr(:keys, at, 32)
"""
"""Of 32-byte keys, one behind the other: `0 7b22..,2 7b22..`, the place of each that is there and its value
in hex; null where none is. All of it is one row, because Python's module lets go of the interpreter at each,
and a loop that is at work is slow to give it back: 500 keys one by one took 76 ms, which is too late, and so
take 46."""
WRITE = """
INSERT INTO known (key, value, expires_at) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
DROP_EXPIRED = """
DELETE FROM known WHERE rowid IN
  (SELECT rowid FROM known WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
"""
READ_NOTE = "SELECT value FROM notes WHERE key = ? AND expires_at > ?"
WRITE_NOTE = """
INSERT INTO notes (key, value, made_at_ms, expires_at) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE
  SET value = excluded.value, made_at_ms = excluded.made_at_ms, expires_at = excluded.expires_at
  WHERE excluded.made_at_ms >= made_at_ms
"""
DROP_EXPIRED_NOTES = """
DELETE FROM notes WHERE rowid IN
  (SELECT rowid FROM notes WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
"""
NOTES_TOTAL = "SELECT notes FROM notes_total"
DROP_OLDEST_NOTES = "DELETE FROM notes WHERE rowid IN (SELECT rowid FROM notes ORDER BY expires_at LIMIT ?)"
READ_SPEND = "SELECT day, lane, usd FROM spend"
ADD_SPEND = """
INSERT INTO spend (day, lane, usd) VALUES (?, ?, ?)
ON CONFLICT (day, lane) DO UPDATE SET usd = usd + excluded.usd
"""
DROP_SPEND = "DELETE FROM spend WHERE day <= ?"
DROP_NEXT_TO_EXPIRE = "DELETE FROM known WHERE rowid IN (SELECT rowid FROM known ORDER BY expires_at LIMIT ?)"


class Owner(Enum):
    """Whose file this is."""

    NOBODY = "nobody"  # empty: ours to lay out
    OURS = "ours"
    OTHER = "other"  # another program's, or another version's


def prepare(connection: sqlite3.Connection) -> Owner:
    """Set the connection up and, in an empty file, create the tables.

    Takes the same few reads at a million entries as at none. Where the owner is `OTHER`, nothing was
    written. Raises what sqlite3 raises.
    """
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    with transaction(connection, "DEFERRED"):  # all its reads see one state of the file
        owner = owner_of(connection)
    if owner is Owner.NOBODY:
        owner = _create(connection)
    if owner is Owner.OURS:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # safe in WAL; a power cut may lose the latest
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}")
        connection.execute(CREATE_SPEND)
        if not connection.execute(HAS_NOTES).fetchone():  # else nothing may wait for another's lock
            with transaction(connection):
                for statement in _statements(CREATE_NOTES):
                    connection.execute(statement)
    return owner


def totals(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many entries there are, and how many bytes of the file they take."""
    entries, size_bytes = connection.execute("SELECT entries, size_bytes FROM totals").fetchone()
    return int(entries), int(size_bytes)


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Copy the write-ahead log into the file, without waiting for anybody. True where all of it could be
    copied: the next write then begins the log anew."""
    _, logged, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return bool(copied == logged)


@contextmanager
def transaction(connection: sqlite3.Connection, lock: str = "IMMEDIATE") -> Iterator[None]:
    """One transaction. By default for writing: it takes the lock before the first read, so that no
    later statement of it can be refused."""
    connection.execute(f"BEGIN {lock}")
    try:
        yield
        connection.execute("COMMIT")
    except sqlite3.Error:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise


def _create(connection: sqlite3.Connection) -> Owner:
    with transaction(connection):
        if owner_of(connection) is Owner.NOBODY:  # else: another process was quicker
            for statement in _statements(CREATE):
                connection.execute(statement)
        return owner_of(connection)


def owner_of(connection: sqlite3.Connection) -> Owner:
    """Whose file this is; nothing is written."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application_id, version, objects) == (0, 0, 0):
        return Owner.NOBODY
    ours = (application_id, version) == (APPLICATION_ID, SCHEMA_VERSION)
    return Owner.OURS if ours else Owner.OTHER


def _statements(script: str) -> list[str]:
    """The script's single statements: `executescript` would commit before it begins."""
    statements, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    return statements
