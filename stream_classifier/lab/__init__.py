"""What stands in for the world, and what tries the service out. Only `cli`, tests and benchmarks come here.

In its place:

* `broker`        a Kafka-protocol broker inside this process
* `simulator`     an OpenAI-compatible provider: latency, limits and faults on demand
* `made_tickets`  a stream of tickets with what makes real ones hard; `made_texts` are its texts

Backlogs:

* `backlog`, `backlog_csv`, `rows`, `followed`  tickets from a JSONL or CSV file, or from a pipe
* `load`          plays them onto a topic, at a rate
* `labelling`     labels them without Kafka: rows in, what became of each out, in their order
* `classify/`     ... from file to file, and goes on where it was killed
* `profile/`      what they hold and what they will cost, without a call
* `evaluate/`     how right configurations are on those whose labels are known
* `evaluate/`     how right configurations are on them, where the right answers are known
* `pages/`        how reports look that people open in a browser

What tries the service out:

* `doctor`        looks for what would keep it from working

The demo, all of it together (`demo` is where to begin):

* `demo_config`   the configuration that the service is given
* `demo_stream`   when the made tickets come
* `demo_reader`   reads the topics into `demo_account` (in = out, by offset) and `demo_results`
* `demo_figures`  what is shown, as `figures`: by `screen` while it runs, by `summary` at its end
"""
