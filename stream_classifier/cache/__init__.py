"""What is already known, so that no text is paid for twice.

In reading order:

* `front` keeps entries in memory, bounded by count and bytes, each with its own expiry.
* `backend` says what a store behind the front must offer.
* `schema` and `sqlite` are such a store: one file, kept across restarts.
* `cache` joins front and backend into what the rest sees: peek, fetch, store.

What an entry holds, and how it is written down, stands in `core/known.py`.
"""

from stream_classifier.cache.backend import Backend, CacheFault
from stream_classifier.cache.cache import Cache
from stream_classifier.cache.front import MemoryFront
from stream_classifier.cache.sqlite import SQLiteCache

__all__ = ["Backend", "Cache", "CacheFault", "MemoryFront", "SQLiteCache"]
