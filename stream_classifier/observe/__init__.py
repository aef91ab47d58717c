"""What the service shows of itself. In reading order:

- `logs`: one JSON object a line; `limiter`, `masking`, `exceptions` and `library_lines` are its steps.
- `summary`: the line every 30 seconds, from the tally.
- `metrics`: the tally as Prometheus reads it.
- `tracing`: whether there are traces; then `ticket_spans` and `call_spans` make them, `trace_context` reads
  and writes the records' headers, `trace_export` sends them, and `trace_names` says what all is called.
- `health`: what the probes answer, and why.
- `live`: the page for people; `http`: the server that carries all of these, and `guest` one connection to it.
- `census`: what the process holds, counted when somebody asks.
- `last_words`: what is said where nobody catches an error.
"""
