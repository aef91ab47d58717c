"""What is on its way: a partition, a delivered record, a ticket that waits, a text that is asked.

A ticket that the cache knows never becomes any of these but the first: its event goes straight to the
producer. For the others:

    Partition 1 -- n Delivery 1 -- n Waiting n -- n Ask

A delivery is done when each of its tickets is answered and the events are acknowledged. A ticket waits
on one ask, or on two when it was promoted while its batch was already called; the first verified answer
serves. An ask outlives its tickets: if their partition goes away, its answer still enters the cache.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core.answer import DecidedBy, Lane, Reason
from stream_classifier.core.doubts import Doubts
from stream_classifier.core.finished_map import Mark
from stream_classifier.core.key_order import KeyOrder
from stream_classifier.core.known import Known
from stream_classifier.core.ledger import Ledger

Headers = Sequence[tuple[str, bytes]]
OwnHeaders = list[tuple[str, bytes]]  # of what we send; the client's batch builder wants a list


class Follower(Protocol):
    """Is told what becomes of a partition's records, in this order for each."""

    def buried(self, offset: int) -> None:
        """An event of this record is too large for its topic, and goes as a dead letter."""

    def acknowledged(self, offsets: Collection[int]) -> None:
        """The broker has all that these records became."""

    def committed(self, mark: Mark) -> None:
        """The group has this commit."""


@dataclass(slots=True, eq=False, kw_only=True)
class Partition:
    """An input partition for one assignment. Once `open` is false nothing of it may be published, ever:
    one last commit says what is done, and a new assignment makes a new object. `committed` is what the
    group's commit said when it was assigned."""

    topic: str
    number: int
    ledger: Ledger
    committed: Mark = (-1, "")
    order: "KeyOrder[Delivery]" = field(default_factory=KeyOrder)
    open: bool = True
    follower: Follower | None = None

    def __str__(self) -> str:
        return f"{self.topic}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an event says of who decided and what it cost. Tokens and cost are this ticket's share of
    every attempt; all None or 0 where no call was made for it."""

    labels: tuple[str | None, ...]
    reason: Reason | None = None
    decided_by: DecidedBy | None = None
    model: str | None = None
    prompt_digest: str | None = None
    taxonomy_digest: str | None = None
    batch_id: str | None = None
    batch_size: int | None = None
    attempts: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0


@dataclass(slots=True, eq=False, kw_only=True)
class Delivery:
    """A record that was delivered and is not yet published. `read_at` is the loop's clock in seconds,
    `timestamp_ms` the record's."""

    partition: Partition
    offset: int
    key: bytes | None
    headers: Headers
    timestamp_ms: int
    read_at: float
    lane: Lane
    tickets: "list[Waiting]" = field(default_factory=list)
    unanswered: int = 0
    early: bool = False  # taken before its turn, far ahead of what was read
    may_overtake: bool = False  # too many stand before it, or its deadline has come
    overtook: bool = False
    published: bool = False

    def let_go(self) -> "list[Waiting]":
        """Its tickets, which it holds no longer: it leaves, or never will. Each of them holds its record, and
        such a ring is freed by the collector only, which seldom looks at what has lived for a while."""
        tickets, self.tickets = self.tickets, []
        return tickets


@dataclass(slots=True, eq=False, kw_only=True)
class Waiting:
    """A ticket that waits for its answer. `utf8` is the text that the model will see: tens of thousands
    may wait, and as a `str` a text with one emoji takes four bytes a character."""

    delivery: Delivery
    part: int | None  # its place in an array of tickets; None where the record is one ticket
    ticket_id: str
    tenant: str | None
    revision: str | None
    utf8: bytes
    text_digest: str
    tokens: int
    truncated: bool
    urgent_key: bytes
    bulk_key: bytes
    fallback_keys: tuple[bytes, ...] = ()  # one a fallback model, in the order of the settings
    takes_fallbacks: bool = False  # its lane's first model was out when it came
    decision: Decision | None = None
    asks: "list[Ask]" = field(default_factory=list)

    @property
    def event_id(self) -> str:
        """The name of its event, as `core/event.py` writes it."""
        part = "" if self.part is None else f"#{self.part}"
        return f"{self.delivery.partition}:{self.delivery.offset}{part}"

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The cache keys whose answer serves it, the best first: an urgent ticket takes that of either
        model, and while the first model is out one takes a fallback's."""
        own = {self.bulk_key: None}
        if self.delivery.lane is Lane.URGENT:
            own[self.urgent_key] = None
        return (*own, *self.fallback_keys) if self.takes_fallbacks else (*own,)

    @property
    def live(self) -> bool:
        """True while an answer would be published for it."""
        return self.decision is None and self.delivery.partition.open


@dataclass(slots=True, eq=False, kw_only=True)
class Spent:
    """Tokens and cost that a text's attempts have used so far; `cost_usd` None: a price is unknown."""

    tokens_in: int = 0
    cached_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0


@dataclass(slots=True, eq=False, kw_only=True)
class Ask:
    """One text in question: asked once, however many tickets wait for it. `utf8` is its tickets'."""

    key: bytes
    lane: Lane
    utf8: bytes
    tokens: int
    asked_at: float  # when its first ticket began to wait, on the loop's clock
    tenant: str | None = None  # of its first ticket
    alone: bool | None = None  # it speaks to the model (`core/orders.py`); None: not looked at yet
    renews: Known | None = None  # nobody waits: the answer is to take this one's place in the cache
    waiters: list[Waiting] = field(default_factory=list)
    attempts: int = 0
    flaws: int = 0  # replies that did not answer it rightly
    doubts: Doubts | None = None  # of both, what an outage gives back
    spent: Spent = field(default_factory=Spent)

    @property
    def text(self) -> str:
        """What the model will see."""
        return self.utf8.decode()

    def give_back(self, model: str) -> None:
        """Calls to this model failed by no fault of the text."""
        if self.doubts is not None and (doubt := self.doubts.by_model.pop(model, None)):
            self.attempts -= doubt.attempts
            self.flaws -= doubt.flaws

    @property
    def wanted(self) -> bool:
        """True while somebody waits for its answer."""
        return any(waiting.live for waiting in self.waiters)
