"""What lies behind the memory front: something that keeps entries across restarts, or for all pods. It
keeps what was spent beside them."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from stream_classifier.cache.spend import DayAndLane, Spends
from stream_classifier.core.known import Known
from stream_classifier.core.leases import Claims
from stream_classifier.core.updates import Note


class CacheFault(Exception):
    """The backend cannot serve at the moment. The message says why, without a key, path secret or text.

    Never fatal: the front goes on alone and the backend is tried again later.
    """


class Backend(Protocol):
    """A store of entries by 32-byte key. Every method may raise `CacheFault`."""

    name: str  # the metrics' label

    async def open(self) -> None:
        """Make ready. Raises `OperatorFault` where only a person can help, such as a path that cannot
        be written."""

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """The entries that are there and have not expired."""

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        """Keep these entries, newest value of a key last."""

    async def spent(self) -> Spends:
        """What is kept of each day's spend."""

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None:
        """Add these amounts: all of them, or none where it raises. Days that are long over may go."""

    async def close(self) -> None:
        """Let go of files and connections. Never raises `CacheFault`."""


@runtime_checkable
class NoteStore(Backend, Protocol):
    """A store that keeps notes of tickets beside the entries: at most as many as entries, those that expire
    next going first. Every method may raise `CacheFault`."""

    async def read_notes(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The notes that are there and have not expired."""

    async def write_notes(self, notes: Mapping[bytes, Note]) -> None:
        """Keep these: each, unless what lies under its key was made later; all of them, or the first of them
        where it raises."""


@runtime_checkable
class SharedBackend(Backend, Protocol):
    """A store that replicas share, and through which they see what the others are asking. The rules stand in
    `core/leases.py`. Every method may raise `CacheFault`: what came of it is not known then."""

    async def claim(self, name: str, keys: Sequence[bytes]) -> Claims:
        """Lease those of these texts that are not known, and that no living replica has leased. The name is
        renewed by it."""

    async def renew(self, name: str) -> None:
        """Keep this replica's leases."""

    async def give_back(self, name: str, ended: Mapping[bytes, bool]) -> None:
        """Free these leases, as far as they are still this replica's. Where the value is True, the text was
        asked in vain: for a moment nobody is to lease it."""
