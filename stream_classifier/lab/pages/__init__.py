"""Reports as pages that need nothing else: for people who decide and have no terminal.

* `page`       the frame: headings, tiles, sentences, bars; loads nothing and runs nothing
* `svg`        plots that stand in it: columns, curves
* `intervals`  shares with their bounds, side by side; `matrix` shows which label was given for which
* `style`      how it all looks, on a light and a dark screen, wide and narrow, and on paper
"""
