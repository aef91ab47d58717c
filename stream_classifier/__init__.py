"""stream-classifier: a label on every helpdesk ticket of a Kafka stream, by an LLM.

The journey of a ticket, a line a room, in reading order:

* `cli`       the commands, a file each; the only place that prints
* `service`   builds everything from the settings; starts, drains, stops
* `settings`  every setting, checked at the start
* `kafka`     polls tickets, publishes events, commits offsets; the only room that knows aiokafka
* `registry`  values whose schema stands in a schema registry: Avro, JSON Schema
* `pipeline`  the journey itself: arrivals, answers, departures
* `lanes`     where texts wait for an answer: urgent, bulk
* `llm`       calls the provider; with `registry` the only room that knows httpx
* `cache`     what is known already: memory, SQLite, Redis
* `observe`   logs, metrics, probes, the page
* `core`      decides, and never waits: ledger, key order, batch, prompt, reply, failure policy
* `lab`       what stands in for the world: broker, provider, made tickets

Imports go down only: cli -> lab -> service -> (pipeline | kafka | registry | llm | cache | observe) -> lanes
-> settings -> core. The rooms in brackets do not know one another; `service` hands them to each other.
"""

__version__ = "0.1.0"
