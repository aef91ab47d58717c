"""What is already known, so that no text is paid for twice.

In reading order:

* `front` keeps entries in memory, bounded by count and bytes, each with its own expiry.
* `backend` says what a store behind the front must offer: entries, what was spent, notes of tickets.
* `schema` and `sqlite` are such a store: one file, kept across restarts.
* `spend` is what the lanes have spent, which is kept beside the entries.
* `redis` is a store that replicas share; `redis_scripts` is what runs there, `redis_faults` says in a
  sentence what it or its client refuses.
* `breaker` leaves a backend alone that fails or is too slow; `writer` takes to it what was stored and spent.
* `cache` joins front and backend into what the rest sees: peek, fetch, store, spend.
* `leases` asks through a shared store what another replica is asking.
* `inspection` reads a store for a person, and changes nothing.

What an entry holds, and how it is written down, stands in `core/known.py`.
"""

from stream_classifier.cache.backend import Backend, CacheFault
from stream_classifier.cache.cache import Cache
from stream_classifier.cache.front import MemoryFront
from stream_classifier.cache.leases import Leases
from stream_classifier.cache.sqlite import SQLiteCache

__all__ = ["Backend", "Cache", "CacheFault", "Leases", "MemoryFront", "SQLiteCache"]
