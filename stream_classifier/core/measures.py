"""Everything that is counted, declared once: name, kind, meaning, dimensions.

Label values come from bounded sets only: lanes, outcomes, reasons, configured models, partitions owned. What
an alert looks at stands at 0 from the start, so that the first time is seen, too.
"""

from itertools import product

from stream_classifier.core.answer import DecidedBy, Lane, Reason
from stream_classifier.core.correction import Refusal
from stream_classifier.core.formats.fault import DeadLetterReason
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.tally import Kind, Measure

LABELLED, NEEDS_REVIEW = "labelled", "needs_review"
EVENT_ROWS = (
    *product(Lane, (LABELLED,), DecidedBy, ("",)),
    *product(Lane, (NEEDS_REVIEW,), ("",), Reason),
)

LATENCY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
CALL_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 32, 64, 90)
DELAY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 20)

RECORDS = Measure("records_total", Kind.COUNTER, "Records read from the input topic.")
LOOKED_AHEAD = Measure(
    "looked_ahead_total", Kind.COUNTER, "Records that the look ahead for urgent ones has read."
)
FOUND_AHEAD = Measure(
    "found_ahead_total", Kind.COUNTER, "Urgent records that the look ahead has found and taken.", rows=((),)
)
PASSED_OVER = Measure(
    "records_passed_over_total", Kind.COUNTER, "Records passed over by a named rule.", ("rule",)
)
ELEMENTS_PASSED_OVER = Measure(
    "elements_passed_over_total",
    Kind.COUNTER,
    "Elements of arrays that were passed over by a named rule, where the array holds tickets besides.",
    ("rule",),
)
DEAD_LETTERS = Measure(
    "dead_letters_total",
    Kind.COUNTER,
    "Records sent to the dead-letter topic.",
    ("reason",),
    rows=tuple(product(DeadLetterReason)),
)
TICKETS = Measure(
    "tickets_total",
    Kind.COUNTER,
    "Tickets read, by the lane that triage chose.",
    ("lane",),
    rows=tuple(product(Lane)),
)
EVENTS = Measure(
    "events_total",
    Kind.COUNTER,
    "Labelled events handed to the producer, by lane, status, what decided, and the reason for review.",
    ("lane", "status", "decided_by", "reason"),
    rows=EVENT_ROWS,
)
ACKNOWLEDGED = Measure(
    "acknowledged_total", Kind.COUNTER, "Output records that the broker has acknowledged.", ("topic",)
)
OVERTOOK = Measure("overtook_total", Kind.COUNTER, "Events published out of key order, marked `overtook`.")
SUPERSEDED = Measure(
    "superseded_total", Kind.COUNTER, "Events of a revision older than one published before, marked so."
)
PROMOTED = Measure(
    "promoted_total",
    Kind.COUNTER,
    "Bulk tickets that were asked at once, since an urgent one of their key stood behind them.",
)
LATENCY = Measure(
    "latency_seconds",
    Kind.HISTOGRAM,
    "From the record's timestamp to the hand-over to the producer.",
    ("lane",),
    LATENCY_BUCKETS_S,
)
BATCHES = Measure("batches_total", Kind.COUNTER, "Bulk batches, by what closed them.", ("closed_by",))
BATCH_TICKETS = Measure("batch_tickets", Kind.HISTOGRAM, "Texts in a bulk call.", ("lane",), BATCH_BUCKETS)
CALLS = Measure(
    "calls_total",
    Kind.COUNTER,
    "Calls to the provider, by lane, model and what came of them.",
    ("lane", "model", "outcome"),
)
CALL_SECONDS = Measure(
    "call_seconds", Kind.HISTOGRAM, "Time of a call to the provider.", ("lane", "model"), CALL_BUCKETS_S
)
REMEDIES = Measure(
    "remedies_total",
    Kind.COUNTER,
    "What was done about a call that fell short, by model, what came of it, and remedy.",
    ("model", "outcome", "remedy"),
)
LANE_HELD = Measure(
    "lane_held_seconds_total",
    Kind.COUNTER,
    "Time in which a lane had a call to make and could not, by what held it.",
    ("lane", "reason"),
    rows=tuple(product(Lane, HeldBy)),
)
TOKENS = Measure(
    "tokens_total",
    Kind.COUNTER,
    "Tokens as the provider counted them; kind is in, cached_in (a part of in) or out.",
    ("model", "kind"),
)
OVERHEAD_TOKENS = Measure(
    "overhead_tokens_total",
    Kind.COUNTER,
    "Tokens that no event carries: probes, refreshes, and attempts whose answer nobody waited for any more.",
    ("model", "kind"),
)
COST = Measure(
    "cost_usd_total", Kind.COUNTER, "Cost of the tokens, where the model's price is known.", ("model",)
)
SINGLE_COST = Measure(
    "one_call_a_ticket_cost_usd_total",
    Kind.COUNTER,
    "What the same tickets would have cost with one call each, from the same counts.",
)
SINGLE_CACHED_COST = Measure(
    "one_call_a_ticket_cached_cost_usd_total",
    Kind.COUNTER,
    "The same where the provider's prefix cache holds the constant part of every call.",
)
CACHE = Measure(
    "cache_lookups_total",
    Kind.COUNTER,
    "Look-ups of a ticket's text: a hit in memory, a hit in the backend behind it, or a miss.",
    ("backend", "result"),
)
CACHE_FAULTS = Measure(
    "cache_faults_total",
    Kind.COUNTER,
    "Times the cache backend failed and the memory front went on.",
    ("backend",),
)
LEASE_WAITS = Measure(
    "lease_waits_total",
    Kind.COUNTER,
    "Texts that waited for another replica's answer, by what ended the wait: answer, lapse or patience.",
    ("ended_by",),
)
CACHE_REFRESHES = Measure(
    "cache_refreshes_total",
    Kind.COUNTER,
    "Much used answers that were asked for again before their end: the same, changed, or none came.",
    ("result",),
)
STORMS = Measure(
    "storms_total", Kind.COUNTER, "Times that one text began to come again and again (`core/storms.py`)."
)
OVERRIDES_REFUSED = Measure(
    "overrides_refused_total",
    Kind.COUNTER,
    "Records of the overrides topic that are not used.",
    ("reason",),
    rows=tuple(product(Refusal)),
)
PUBLISH_FAILURES = Measure(
    "publish_failures_total",
    Kind.COUNTER,
    "Batches that the broker did not take; each is sent again.",
    ("topic",),
)
OFFSETS_COMMITTED = Measure(
    "commits_total",
    Kind.COUNTER,
    "Offset commits, by outcome.",
    ("outcome",),
    rows=(("committed",), ("failed",), ("not_mine",)),
)
TRANSACTIONS = Measure(
    "transactions_total",
    Kind.COUNTER,
    "Transactions by what became of them, and tries that failed; with `exactly-once` each carries a commit.",
    ("outcome",),
    rows=(("committed",), ("aborted",), ("failed",), ("fenced",)),
)
REBALANCES = Measure(
    "rebalances_total",
    Kind.COUNTER,
    "Assignments, revocations, and assignments lost without a revocation.",
    ("kind",),
    rows=(("assigned",), ("revoked",), ("lost",)),
)
SCHEMA_FETCHES = Measure(
    "schema_fetches_total",
    Kind.COUNTER,
    "Schemas asked of the registry: fetched, missing there, or failed, which is tried again.",
    ("outcome",),
    rows=(("fetched",), ("missing",), ("failed",)),
)
PAUSES = Measure("pauses_total", Kind.COUNTER, "Times work was paused, by reason.", ("reason",))

OVERRIDES = Measure("overrides", Kind.GAUGE, "People's corrections that are in force.")
DISAGREEMENTS = Measure(
    "override_disagreements",
    Kind.GAUGE,
    "Corrections in force that say otherwise than the model did, by what each of them said.",
    ("question", "was", "now"),
)
IN_FLIGHT = Measure("in_flight_tickets", Kind.GAUGE, "Records read and not yet done.")
IN_FLIGHT_BYTES = Measure("in_flight_bytes", Kind.GAUGE, "Bytes of the records read and not yet done.")
WAITING = Measure("waiting_texts", Kind.GAUGE, "Texts that wait for a call, by lane.", ("lane",))
CALLED_TEXTS = Measure("called_texts", Kind.GAUGE, "Texts in a call that is under way.", ("lane",))
CALLS_UNDER_WAY = Measure("calls_in_flight", Kind.GAUGE, "Calls that are under way.", ("lane",))
CALL_SLOTS = Measure("call_slots", Kind.GAUGE, "Calls that a lane may have under way at once.", ("lane",))
WORK_LEFT = Measure(
    "work_left_seconds",
    Kind.GAUGE,
    "How long this replica would take for the records left, at the pace of its last minutes of work.",
)
RECORDS_LEFT = Measure(
    "records_left", Kind.GAUGE, "Records of the owned partitions that are not done: unread or in flight."
)
UNACKNOWLEDGED = Measure(
    "unacknowledged_seconds", Kind.GAUGE, "How long the broker has not taken the batch that waits longest."
)
LEASES = Measure(
    "leases", Kind.GAUGE, "Texts held in a lease by this replica, or waiting for another's.", ("state",)
)
BREAKER_OPEN = Measure(
    "breaker_open", Kind.GAUGE, "1 while a model's breaker is open, with the reason.", ("model", "reason")
)
BUDGET_USED = Measure(
    "budget_used_ratio", Kind.GAUGE, "Part of the lane's budget for this UTC day that is spent.", ("lane",)
)
AHEAD = Measure(
    "look_ahead_records",
    Kind.GAUGE,
    "How far the look ahead for urgent records is beyond what was read, by partition; absent where none is.",
    ("partition",),
)
PARTITIONS_OWNED = Measure("partitions_owned", Kind.GAUGE, "Input partitions this process owns.")
PARTITIONS_PAUSED = Measure(
    "partitions_paused", Kind.GAUGE, "Input partitions paused, by reason.", ("reason",)
)
POSITION = Measure("committed_offset", Kind.GAUGE, "Committed offset by partition.", ("partition",))
LAG = Measure(
    "lag_records", Kind.GAUGE, "Records between the commit and the end of a partition.", ("partition",)
)
OLDEST = Measure(
    "oldest_unfinished_seconds", Kind.GAUGE, "Age of the oldest record read and not yet done.", ("partition",)
)

STILL = Measure(
    "standing_still_seconds",
    Kind.GAUGE,
    "How long a partition with work has made no progress that nothing explains.",
    ("partition",),
)
LOOP_DELAY = Measure(
    "loop_delay_seconds",
    Kind.HISTOGRAM,
    "How late the event loop was, asked four times a second.",
    buckets=DELAY_BUCKETS_S,
)
MEMORY_LIMIT = Measure(
    "memory_limit_bytes", Kind.GAUGE, "Memory that the container may use; absent where there is no limit."
)
TASKS = Measure("asyncio_tasks", Kind.GAUGE, "Tasks of the event loop that have not ended.")
RESERVED_CALLS = Measure(
    "reserved_calls", Kind.GAUGE, "Calls for which a part of a model's limits is reserved.", ("model",)
)
RESERVED_TOKENS = Measure(
    "reserved_tokens", Kind.GAUGE, "Tokens of a model's limits that are reserved for calls.", ("model",)
)
BUILD = Measure(
    "build_info",
    Kind.GAUGE,
    "1, with what runs and the digest of its settings.",
    ("version", "settings_digest"),
)
