"""From a ticket to what every later step needs of its text: worked out once per text, then remembered.

Repeats are common and normalising is the dearest step of the hot path, so the result is kept by the raw
text in a memo of bounded size.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from sys import getsizeof

from stream_classifier.core.cache_key import KeyMaker
from stream_classifier.core.memo import Memo
from stream_classifier.core.redact import Redactor
from stream_classifier.core.text import model_text, normalise, text_digest
from stream_classifier.core.ticket import Ticket
from stream_classifier.core.triage import Triage

MEMO_ENTRIES = 16_384
MEMO_BYTES = 32 * 1024 * 1024  # half of what may be in flight: repeats come close together
ENTRY_OVERHEAD_BYTES = 700  # keys, digest and objects beside the text itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A text, ready to be known or asked. `keyword` is the triage keyword found in it, if any."""

    utf8: bytes  # what the model sees: stripped, masked, cut
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
        self._memo: Memo[tuple[object, ...], Prepared] = Memo(max_entries=MEMO_ENTRIES, max_bytes=MEMO_BYTES)

    def __call__(self, ticket: Ticket) -> Prepared:
        tenant = ticket.tenant if self._isolate_tenants else None
        raw = (ticket.subject, ticket.body, ticket.body_format, ticket.context, tenant)
        prepared = self._memo.get(raw)
        if prepared is None:
            prepared = self._prepare(ticket, tenant)
            size_bytes = getsizeof(prepared.utf8) + getsizeof(ticket.body) + ENTRY_OVERHEAD_BYTES
            self._memo.put(raw, prepared, size_bytes)
        return prepared

    def keyword_of(self, ticket: Ticket) -> str | None:
        """The triage keyword in its text, and nothing else: for a ticket of which no more may be needed."""
        if not self._triage.has_keywords:
            return None
        text, _ = model_text(ticket, self._max_chars, self._left_out, self._redactor)
        return self._triage.keyword_in(text)

    def _prepare(self, ticket: Ticket, tenant: str | None) -> Prepared:
        text, truncated = model_text(ticket, self._max_chars, self._left_out, self._redactor)
        normalised = normalise(text)
        bulk_key = self._bulk_keys.key(normalised, tenant)
        urgent_key = self._urgent_keys.key(normalised, tenant)
        return Prepared(
            utf8=text.encode(),
            digest=text_digest(normalised, self._redact),
            bulk_key=bulk_key,
            urgent_key=bulk_key if urgent_key == bulk_key else urgent_key,  # one object for one model
            fallback_keys=tuple(keys.key(normalised, tenant) for keys in self._fallback_keys),
            tokens=self._estimate(text),
            truncated=truncated,
            keyword=self._triage.keyword_in(text),
        )
