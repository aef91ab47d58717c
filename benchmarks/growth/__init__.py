"""How throughput and cost grow: over partitions, replicas, tickets a call, taxonomy, length of a ticket.

* `tickets`  tickets of any length, in lots
* `crew`     processes in one group, and what a lot takes them
* `known`    tickets that the cache knows, against the bare loop
* `called`   tickets that must be asked
* `every`    all of it by name
"""
