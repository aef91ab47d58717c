"""What the service shows of itself. In reading order:

- `logs`: one JSON object a line; `limiter`, `masking`, `exceptions` and `library_lines` are its steps.
- `summary`: the line every 30 seconds, from the tally.
- `metrics`: the tally as Prometheus reads it.
- `health`: what the probes answer, and why.
- `page`, `http`: the page for people, and the server that carries all of these.
"""
