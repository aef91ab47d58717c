"""A cache file that knows many texts, made by the product's own parts: its reader, its keys, its store.

To have the service ask for a million texts before each round would take longer than all that is measured.
So the file is made once, and each round's service opens it as after a restart: what it holds is known, and
nothing of it is in memory yet.
"""

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import yaml

from stream_classifier.cache.sqlite import SQLiteCache
from stream_classifier.core.known import Known
from stream_classifier.core.tally import Tally
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.service.building import Builder
from stream_classifier.settings import load

MadeTicket = Callable[[int, int], tuple[bytes, bytes]]
"""From a ticket's and a text's number to key and value."""

BYTES_A_TEXT = 2_048  # of `cache.max_bytes`: more than an entry takes, in the file as in memory
WRITTEN_AT_ONCE = 5_000
KNOWN_S = 86_400.0  # longer than any run


def cache_settings(path: Path, texts: int) -> dict[str, str | int]:
    """The group `cache` for a service to whom so many texts are known by this file."""
    return {"backend": "sqlite", "path": str(path), "max_entries": texts, "max_bytes": texts * BYTES_A_TEXT}


async def write_known(path: Path, texts: int, made_ticket: MadeTicket) -> None:
    """Write a cache file that knows the texts 0 to `texts` of the benchmark's tickets."""
    file = path.with_suffix(".yaml")
    cache = cache_settings(path, texts)
    file.write_text(yaml.safe_dump({"taxonomy": dict(DEMO_TAXONOMY), "cache": cache}))
    builder = Builder(load(file, {}), Tally())
    reader, preparer = builder.reader(), builder.preparer(builder.triage())
    store = SQLiteCache(path, max_entries=texts, max_bytes=texts * BYTES_A_TEXT, clock=time.time)
    await store.open()
    keys = (preparer(reader.read(made_ticket(0, text)[1])[0]).bulk_key for text in range(texts))
    while some := list(islice(keys, WRITTEN_AT_ONCE)):
        await store.put_many({key: _known(builder) for key in some})
    await store.close()


def _known(builder: Builder) -> Known:
    now = time.time()
    return Known(
        labels=tuple(question.labels[0].name for question in builder.taxonomy.questions),
        model=builder.settings.llm.model,
        prompt_digest=builder.prompt.digest,
        taxonomy_digest=builder.taxonomy.digest,
        written_at=now,
        expires_at=now + KNOWN_S,
    )
