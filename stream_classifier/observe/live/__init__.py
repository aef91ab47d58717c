"""The live page: what a person sees who asks how the service is. In reading order:

- `state`: the facts of one moment; `service` gathers them.
- `history`: the last quarter of an hour, from the tally.
- `recent`: the log lines that matter, kept for the page.
- `questions`: five of them, answered in plain words by `answers` and `blame`; `words` says the numbers.
- `view`: everything that the page shows, as texts by the name of their place.
- `page`: the HTML, filled by the server; `page.html`, `page.css`, `page.js` are its parts.
- `feed`: the same texts as server-sent events, while somebody looks.
"""
