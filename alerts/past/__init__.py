"""Units' past, read and judged again without changing anything: back-tests, "why", defrosts and doors on a chart.

`columns.py` reads months at once, `scanning.py` runs a rule over them, `backtest.py` and `explaining.py` answer people
(in the words of `sentences.py`), `labels.py` marks the chart with what `defrost.py` recognises.
"""
