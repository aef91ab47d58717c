"""`cache.*`: where answers are kept, for how long, and how many."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from stream_classifier.settings.kinds import Bytes, File, Group, RedisUrl, Seconds, Text, Whole


class Cache(Group):
    """Verified answers by the digest of all that can change them."""

    backend: Literal["memory", "sqlite", "redis"] = "sqlite"
    """`memory` forgets on restart, `sqlite` does not, `redis` is shared between replicas."""
    path: File = Path("stream-classifier-cache.db")
    """SQLite's file."""
    url: RedisUrl | None = None
    """Redis' address; `rediss://` is encrypted. A password in it is a secret."""
    key_prefix: Text = "stream-classifier:"
    """What our keys in Redis begin with."""
    timeout_s: Seconds = Field(default=0.05, le=10)
    """How long a look-up may take; then the answer counts as unknown."""
    ttl_s: Seconds = Field(default=86_400, ge=1, le=31_622_400)
    """How long an answer serves."""
    max_entries: Whole = Field(default=100_000, ge=1, le=100_000_000)
    """Answers kept; Redis' own limit is its `maxmemory`."""
    max_bytes: Bytes = Field(default=256 << 20, ge=1 << 20, le=1 << 40)
    """The same by size."""
    refresh: bool = False
    """Ask again for answers that are much used before they expire."""
