"""What lies behind the memory front: something that keeps entries across restarts, or for all pods."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from stream_classifier.core.known import Known


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

    async def close(self) -> None:
        """Let go of files and connections. Never raises `CacheFault`."""
