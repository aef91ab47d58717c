"""The style sheet of all reports.

Right and wrong are blue and orange, which nearly everybody can tell apart, and never told by colour alone. A
plot with a width of its own keeps it and scrolls where the screen is narrower; all others shrink."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --ink: #1c2430; --soft: #5b6675; --rule: #d9dde3; --panel: #f1f3f5;
  --plain: #3f72a8; --good: #2f8f5b; --faint: #b6bfca; --bad: #b5473c; --wrong: #c8590a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15191f; --ink: #e6e9ee; --soft: #9aa5b4; --rule: #303842; --panel: #1e242c;
    --plain: #7ba7d7; --good: #5cc18c; --faint: #58636f; --bad: #e0857b; --wrong: #f39a50;
  }
  svg text.s6, svg text.s7, svg text.s8 { fill: var(--page); }
}
* { box-sizing: border-box; }
body {
  background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif;
  max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
h3 { font-size: .95rem; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--rule); margin-top: 2rem; padding-top: 1.25rem; }
.kicker { color: var(--soft); font-size: .85rem; margin: 0 0 .25rem; }
.lead { font-size: 1.15rem; line-height: 1.5; margin: 1.25rem 0; }
.note, li { color: var(--soft); font-size: .92rem; }
ul { padding-left: 1.1rem; margin: 1rem 0; }
li { margin: .35rem 0; overflow-wrap: anywhere; }
pre { background: var(--panel); border-radius: .5rem; font-size: .88rem; overflow-x: auto; padding: 1rem; }
summary { cursor: pointer; }
code { font-size: .92em; white-space: nowrap; }

.tiles { display: flex; flex-wrap: wrap; gap: .6rem; }
.tiles div { background: var(--panel); border-radius: .5rem; flex: 1 1 7.5rem; padding: .7rem .85rem; }
.tiles strong { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); display: block; font-size: .8rem; line-height: 1.3; }

svg { display: block; height: auto; width: 100%; }
svg[width] { width: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg text.small { fill: var(--soft); font-size: 11px; }
svg text.cell { font-size: 11px; font-variant-numeric: tabular-nums; }
svg text.tiny { font-size: 9px; }
svg text.s9 { fill: var(--page); }
rect.plain { fill: var(--plain); } rect.good { fill: var(--good); } rect.faint { fill: var(--faint); }
rect.wrong { fill: var(--wrong); } rect.empty { fill: var(--panel); }
circle.plain { fill: var(--plain); } circle.good { fill: var(--good); }
polyline { fill: none; stroke: var(--plain); stroke-width: 2; }
line.axis { stroke: var(--rule); }
line.spread { stroke: var(--ink); stroke-width: 1.5; }
.scroll { overflow-x: auto; }
.beyond { margin-inline: calc(50% - min(50vw - 1.25rem, 42rem)); }
.beyond svg { margin-inline: auto; }
.beyond table { margin-inline: auto; max-width: 60rem; min-width: min(46rem, 100%); width: auto; }

.bars { display: grid; row-gap: .55rem; }
.bars > div {
  align-items: center; column-gap: .75rem; display: grid; grid-template-columns: 11rem 1fr 10.5rem;
}
.bars span {
  font-size: .85rem; font-variant-numeric: tabular-nums; line-height: 1.3; overflow-wrap: anywhere;
}
.bars span:first-child { text-align: right; }
.bars svg { height: 1rem; overflow: visible; }
.bars rect.range { opacity: .4; }
.bars line { stroke: var(--rule); }
.bars line.value { stroke: var(--ink); stroke-width: 3; }
.bars .scale svg text { fill: var(--soft); font-size: 11px; }

table { border-collapse: collapse; width: 100%; }
.grid th { color: var(--soft); font-size: .82rem; font-weight: normal; padding: .3rem; text-align: right; }
.grid th[scope] { text-align: left; white-space: nowrap; }
.grid td { border-top: 1px solid var(--rule); padding: .35rem .3rem; text-align: right; white-space: nowrap; }
.grid td strong { display: block; font-variant-numeric: tabular-nums; font-weight: 600; }
.grid td span { color: var(--soft); font-size: .82rem; }
.grid td.late span { color: var(--bad); text-decoration: line-through; }
.grid td.chosen { background: var(--good); border-radius: .35rem; }
.grid td.chosen strong, .grid td.chosen span { color: var(--page); }
.top td { border-bottom: 1px solid var(--rule); padding: .35rem .3rem; vertical-align: top; }
.top td.figure {
  font-variant-numeric: tabular-nums; font-weight: 600; padding-right: 1rem; text-align: right; width: 4rem;
}
.figures th, .figures td { font-size: .88rem; padding: .4rem .45rem; text-align: right; white-space: nowrap; }
.figures th { color: var(--soft); font-size: .8rem; font-weight: normal; vertical-align: bottom; }
.figures td { border-top: 1px solid var(--rule); font-variant-numeric: tabular-nums; vertical-align: top; }
.figures th:first-child, .figures td:first-child { min-width: 10rem; padding-left: 0; text-align: left; }
.figures td:first-child { overflow-wrap: anywhere; white-space: normal; }
.figures small { color: var(--soft); display: block; font-size: .78rem; }
.answers th {
  color: var(--soft); font-size: .8rem; font-weight: normal; padding-right: .6rem; text-align: left;
}
.answers td {
  border-top: 1px solid var(--rule); font-size: .9rem; overflow-wrap: anywhere; padding: .5rem .6rem .5rem 0;
  vertical-align: top;
}
.answers td:first-child { color: var(--soft); font-variant-numeric: tabular-nums; }
.answers td.text { min-width: 14rem; white-space: pre-line; width: 100%; }
.answers td.label { min-width: 9.5rem; overflow-wrap: break-word; }
.answers b { color: var(--wrong); font-weight: 600; }

@media (max-width: 36rem) {
  body { padding: 1.25rem 1.1rem 3rem; }
  .bars { padding-right: 1rem; }
  .bars > div { grid-template-columns: 1fr auto; row-gap: .2rem; }
  .bars span:first-child { text-align: left; }
  .bars span:last-child { grid-column: 2; grid-row: 1; text-align: right; }
  .bars svg { grid-column: 1 / 3; }
  svg[viewBox]:not([width]) text, svg[viewBox]:not([width]) text.small { font-size: 19px; }
  svg text.odd { display: none; }
}
@media print {
  body { max-width: none; padding: 0; }
  pre { white-space: pre-wrap; }
  .scroll { overflow: visible; }
  .beyond { margin-inline: 0; }
  svg[width] { width: 100%; }
  tr, .bars > div, svg { break-inside: avoid; }
}
"""
