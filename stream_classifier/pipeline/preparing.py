"""From a ticket to what every later step needs of its text: worked out once per text, then remembered.

Repeats are common and normalising is the dearest step of the hot path, so results are kept, in two memos of
bounded size. One keeps those of the last thousands of texts by the raw texts themselves, which costs least to
look up. Behind it another has several times as many, by digests of the raw texts. Neither holds what the
model sees: who needs that asks for it (`utf8_of`), and of a ticket that was just prepared it is still there.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from sys import getsizeof
from typing import NamedTuple

from stream_classifier.core.cache_key import KeyMaker
from stream_classifier.core.memo import Memo
from stream_classifier.core.redact import Redactor
from stream_classifier.core.text import model_text, normalise, text_digest
from stream_classifier.core.ticket import Ticket
from stream_classifier.core.triage import Triage

RECENT_ENTRIES = 6_144  # by raw texts: the more there are, the less of them a processor's cache holds
RECENT_BYTES = 16 * 1024 * 1024  # a quarter of what may be in flight: repeats come close together
KEPT_ENTRIES = 40_960  # by digests
KEPT_BYTES = 20 * 1024 * 1024
RAW_BYTES = 300  # of a raw text's entry: its tuple and subject, beside the body
ENTRY_BYTES = 500  # keys, digests and objects; what fallbacks and a long keyword add is little beside it

Raw = tuple[str, str, str, tuple[tuple[str, str], ...], str | None]
"""All of a ticket that its text and keys come of."""


class Prepared(NamedTuple):  # a frozen dataclass takes four times as long to make
    """A text, ready to be known or asked. `tokens` is 0 only where there is no text; `keyword` is the triage
    keyword found in it, if any."""

    digest: str
    bulk_key: bytes
    urgent_key: bytes
    fallback_keys: tuple[bytes, ...]
    tokens: int
    truncated: bool
    keyword: str | None


class Preparer:
    """Prepares tickets' texts. `estimate` gives a text's tokens; `redact` is what is masked, of `KINDS`."""

    def __init__(
        self,
        *,
        triage: Triage,
        bulk_keys: KeyMaker,
        urgent_keys: KeyMaker,
        fallback_keys: Sequence[KeyMaker] = (),
        estimate: Callable[[str], int],
        max_chars: int,
        left_out: Collection[str],
        isolate_tenants: bool,
        redact: Sequence[str] = (),
    ) -> None:
        self._triage = triage
        self._bulk_keys = bulk_keys
        self._urgent_keys = urgent_keys
        self._fallback_keys = fallback_keys
        self._estimate = estimate
        self._max_chars = max_chars
        self._left_out = left_out
        self._isolate_tenants = isolate_tenants
        self._redact = redact
        self._redactor = Redactor(redact) if redact else None
        self._recent: Memo[Raw, Prepared] = Memo(max_entries=RECENT_ENTRIES, max_bytes=RECENT_BYTES)
        self._kept: Memo[tuple[object, ...], Prepared] = Memo(max_entries=KEPT_ENTRIES, max_bytes=KEPT_BYTES)
        self._last: tuple[Ticket, str] | None = None  # the ticket that was prepared last, and its text

    def __call__(self, ticket: Ticket) -> Prepared:
        tenant = ticket.tenant if self._isolate_tenants else None
        raw = (ticket.subject, ticket.body, ticket.body_format, ticket.context, tenant)
        prepared = self._recent.get(raw)
        if prepared is None:
            prepared = self._kept_or_prepared(ticket, raw)
            self._recent.put(raw, prepared, getsizeof(ticket.body) + RAW_BYTES)
        return prepared

    def _kept_or_prepared(self, ticket: Ticket, raw: Raw) -> Prepared:
        subject, body, *others = raw  # with the subject's length, so that no two texts give the same bytes
        texts = f"{len(subject)} {subject}{body}".encode(errors="surrogatepass")
        digests = (hashlib.sha256(texts).digest(), *others)
        prepared = self._kept.get(digests)
        if prepared is None:
            prepared = self._prepare(ticket, raw[-1])
            self._kept.put(digests, prepared, ENTRY_BYTES)
        return prepared

    def keyword_of(self, ticket: Ticket) -> str | None:
        """The triage keyword in its text, and nothing else: for a ticket of which no more may be needed."""
        if not self._triage.has_keywords:
            return None
        return self._triage.keyword_in(self._text(ticket)[0])

    def utf8_of(self, ticket: Ticket) -> bytes:
        """What the model sees of it: stripped, masked, cut."""
        if self._last is not None and self._last[0] is ticket:
            return self._last[1].encode()
        return self._text(ticket)[0].encode()

    def _text(self, ticket: Ticket) -> tuple[str, bool]:
        return model_text(ticket, self._max_chars, self._left_out, self._redactor)

    def _prepare(self, ticket: Ticket, tenant: str | None) -> Prepared:
        text, truncated = self._text(ticket)
        self._last = ticket, text
        normalised = normalise(text)
        bulk_key = self._bulk_keys.key(normalised, tenant)
        one_model = self._urgent_keys is self._bulk_keys
        return Prepared(
            digest=text_digest(normalised, self._redact),
            bulk_key=bulk_key,
            urgent_key=bulk_key if one_model else self._urgent_keys.key(normalised, tenant),
            fallback_keys=tuple([keys.key(normalised, tenant) for keys in self._fallback_keys]),
            tokens=self._estimate(text),
            truncated=truncated,
            keyword=self._triage.keyword_in(text),
        )
