"""The report's style sheet."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --ink: #1c2430; --soft: #5b6675; --rule: #d9dde3; --panel: #f1f3f5;
  --plain: #4c78a8; --good: #2f8f5b; --faint: #b6bfca; --bad: #b5473c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15191f; --ink: #e6e9ee; --soft: #9aa5b4; --rule: #303842; --panel: #1e242c;
    --plain: #7ba7d7; --good: #5cc18c; --faint: #58636f; --bad: #e0857b;
  }
}
* { box-sizing: border-box; }
body {
  background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif;
  max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
section { border-top: 1px solid var(--rule); margin-top: 2rem; padding-top: 1.25rem; break-inside: avoid; }
.kicker { color: var(--soft); font-size: .85rem; margin: 0 0 .25rem; }
.lead { font-size: 1.15rem; line-height: 1.5; margin: 1.25rem 0; }
.note, li { color: var(--soft); font-size: .92rem; }
ul { padding-left: 1.1rem; margin: 1rem 0; }
li { margin: .35rem 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; }
.tiles div { background: var(--panel); border-radius: .5rem; flex: 1 1 7.5rem; padding: .7rem .85rem; }
.tiles strong { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); display: block; font-size: .8rem; line-height: 1.3; }
svg { display: block; height: auto; width: 100%; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg text.small { fill: var(--soft); font-size: 11px; }
svg text.figure { font-variant-numeric: tabular-nums; }
rect.plain { fill: var(--plain); } rect.good { fill: var(--good); } rect.faint { fill: var(--faint); }
circle.plain { fill: var(--plain); } circle.good { fill: var(--good); }
polyline { fill: none; stroke: var(--plain); stroke-width: 2; }
line.axis { stroke: var(--rule); }
table { border-collapse: collapse; width: 100%; }
.grid th { color: var(--soft); font-size: .82rem; font-weight: normal; padding: .3rem; text-align: right; }
.grid th[scope] { text-align: left; white-space: nowrap; }
.grid td { border-top: 1px solid var(--rule); padding: .35rem .3rem; text-align: right; }
.grid td strong { display: block; font-variant-numeric: tabular-nums; font-weight: 600; }
.grid td span { color: var(--soft); font-size: .82rem; }
.grid td.late span { color: var(--bad); text-decoration: line-through; }
.grid td.chosen { background: var(--good); border-radius: .35rem; }
.grid td.chosen strong, .grid td.chosen span { color: var(--page); }
.top td { border-bottom: 1px solid var(--rule); padding: .35rem .3rem; vertical-align: top; }
.top td.figure {
  font-variant-numeric: tabular-nums; font-weight: 600; padding-right: 1rem; text-align: right; width: 4rem;
}
pre { background: var(--panel); border-radius: .5rem; font-size: .88rem; overflow-x: auto; padding: 1rem; }
@media print { body { max-width: none; padding: 0; } }
"""
