"""Decides; never waits, reads no clock, does no I/O. In the order in which a ticket meets them:

* what is on its way: `journey`; how far a partition is: `ledger` with its `runs`, `finished_map`,
  `start_position`, `backpressure`, `stillness`; in which order events leave: `key_order`, `passed_keys`; rows
  of a backlog: `in_order`
* the ticket: `ticket`, `formats/`, `text`, `triage`; in which letters it is written: `scripts`
* what is known: `cache_key`, `known`, `memo`; whether to look it up before its turn: `foresight`; what
  another replica asks: `leases`; what comes again and again: `storms`; what people have decided:
  `correction`, `corrections`
* asking: `taxonomy`, `prompt`, `batch`, `tokens`, `call`, `call_size`, `ladder`, `rate_headers`
* what came back: `reply`, `answer`, `failure`, `breaker`
* what it cost: `prices`, `shares`; what it may cost: `budget`
* what leaves: `event`, `dead_letter`; what is sent through again: `replay`
* what is counted: `tally`, `measures`; what a person must mend: `faults`
"""
