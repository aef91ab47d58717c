"""Decides; never waits, reads no clock, does no I/O. In the order in which a ticket meets them:

* what is on its way: `journey`; how far a partition is: `ledger`, `finished_map`, `start_position`,
  `backpressure`, `stillness`; in which order events leave: `key_order`
* the ticket: `ticket`, `formats/`, `text`, `triage`
* what is known: `cache_key`, `known`, `memo`
* asking: `taxonomy`, `prompt`, `batch`, `tokens`, `call`, `ladder`, `rate_headers`
* what came back: `reply`, `answer`, `failure`, `breaker`
* what it cost: `prices`, `shares`
* what leaves: `event`, `dead_letter`
* what is counted: `tally`, `measures`; what a person must mend: `faults`
"""
