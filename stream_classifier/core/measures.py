"""Everything that is counted, declared once: name, kind, meaning, dimensions.

Label values come from bounded sets only: lanes, outcomes, reasons, configured models, partitions owned.
"""

from stream_classifier.core.tally import Kind, Measure

LATENCY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
CALL_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 32, 64, 90)

RECORDS = Measure("records_total", Kind.COUNTER, "Records read from the input topic.")
PASSED_OVER = Measure(
    "records_passed_over_total", Kind.COUNTER, "Records passed over by a named rule.", ("rule",)
)
DEAD_LETTERS = Measure(
    "dead_letters_total", Kind.COUNTER, "Records sent to the dead-letter topic.", ("reason",)
)
TICKETS = Measure("tickets_total", Kind.COUNTER, "Tickets read, by the lane that triage chose.", ("lane",))
EVENTS = Measure(
    "events_total",
    Kind.COUNTER,
    "Labelled events handed to the producer, by lane, status and what decided (or the reason for review).",
    ("lane", "status", "decided_by"),
)
ACKNOWLEDGED = Measure(
    "acknowledged_total", Kind.COUNTER, "Output records that the broker has acknowledged.", ("topic",)
)
OVERTOOK = Measure("overtook_total", Kind.COUNTER, "Events published out of key order, marked `overtook`.")
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
    "remedies_total", Kind.COUNTER, "What was done about a call that fell short.", ("signal", "remedy")
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
    "cache_lookups_total", Kind.COUNTER, "Look-ups of a ticket's text, by result.", ("backend", "result")
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
    "overrides_refused_total", Kind.COUNTER, "Records of the overrides topic that are not used.", ("reason",)
)
OFFSETS_COMMITTED = Measure("commits_total", Kind.COUNTER, "Offset commits, by outcome.", ("outcome",))
TRANSACTIONS = Measure(
    "transactions_total",
    Kind.COUNTER,
    "Transactions, by what became of them; with `exactly-once` each carries a commit.",
    ("outcome",),
)
REBALANCES = Measure(
    "rebalances_total",
    Kind.COUNTER,
    "Assignments, revocations, and assignments lost without a revocation.",
    ("kind",),
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
LEASES = Measure(
    "leases", Kind.GAUGE, "Texts held in a lease by this replica, or waiting for another's.", ("state",)
)
BREAKER_OPEN = Measure(
    "breaker_open", Kind.GAUGE, "1 while a model's breaker is open, with the reason.", ("model", "reason")
)
BUDGET_USED = Measure(
    "budget_used_ratio", Kind.GAUGE, "Part of the lane's budget for this UTC day that is spent.", ("lane",)
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
