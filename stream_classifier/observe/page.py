"""The page for people: how the service is, in a few numbers, readable without JavaScript.

It loads nothing (the policy forbids it), renews itself every few seconds, and shows only counts and our
own sentences; every value is escaped all the same.
"""

import base64
import hashlib
from html import escape

from stream_classifier.observe.health import Report
from stream_classifier.observe.summary import Snapshot, summarise

REFRESH_S = 5

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.25rem; } h2 { font-size: 1rem; margin-top: 2rem; }
.state { font-size: 1.5rem; font-weight: 600; margin: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .25rem 0; border-bottom: 1px solid #8884; text-align: left; font-weight: normal; }
td { text-align: right; font-variant-numeric: tabular-nums; }
footer { margin-top: 2rem; font-size: .875rem; }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(alive: Report, ready: Report, snapshot: Snapshot) -> str:
    """The whole page as HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_S}">
<title>stream-classifier: {escape(_state(alive, ready, snapshot))}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>stream-classifier</h1>
<p class="state">{escape(_state(alive, ready, snapshot))}</p>
{_reasons((*alive.reasons, *ready.reasons))}
<h2>Since the start of this process</h2>
{_table(_since_start(snapshot))}
<h2>Now</h2>
{_table(_now(snapshot))}
<footer>
<a href="/metrics">metrics</a> · <a href="/healthz">health</a> · <a href="/readyz">readiness</a>
· renewed every {REFRESH_S} s
</footer>
</body>
</html>
"""


def _state(alive: Report, ready: Report, snapshot: Snapshot) -> str:
    if not alive.ok:
        return "Stuck"
    if not ready.ok:
        return "Not ready"
    return f"Paused: {', '.join(snapshot.paused)}" if snapshot.paused else "Working"


def _since_start(snapshot: Snapshot) -> list[tuple[str, str]]:
    sums = summarise(Snapshot(), snapshot)
    return [
        ("Records in", f"{sums['records_in']:,}"),
        ("Events out", f"{sums['events_out']:,}"),
        ("Answered from the cache", f"{sums['cache_hits']:,}"),
        ("Answered by another ticket's call", f"{sums['shared']:,}"),
        ("Answered by an override", f"{sums['overridden']:,}"),
        ("Needs review", f"{sums['needs_review']:,}"),
        ("Dead letters", f"{sums['dead_letters']:,}"),
        ("Calls to the provider", f"{sums['calls']:,}"),
        ("Cost", _usd(sums["cost_usd"])),
        ("Saved against one call a ticket", _usd(sums["saved_usd"])),
        ("Saved against that with a prefix cache", _usd(sums["saved_cached_usd"])),
    ]


def _now(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [
        ("In flight", f"{snapshot.in_flight:,.0f}"),
        ("Oldest in flight", f"{snapshot.oldest_s:,.1f} s"),
        ("Lag", f"{snapshot.lag:,.0f} records"),
    ]


def _usd(amount: float | None) -> str:
    return "not known" if amount is None else f"${amount:,.4f}"


def _reasons(reasons: tuple[str, ...]) -> str:
    items = "".join(f"<li>{escape(reason)}</li>" for reason in dict.fromkeys(reasons))
    return f"<ul>{items}</ul>" if items else ""


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(n)}</td></tr>' for name, n in rows)
    return f"<table>{cells}</table>"
