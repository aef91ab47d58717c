"""Where texts wait for an answer, in reading order.

* `flights`: the same text in flight is asked once.
* `bulk` gathers texts for batches; `urgent` asks each at once.
* `batch`: texts that are asked together.
* `answering` carries a batch through whatever its calls bring, by the failure policy of `core`.
* `prober` asks the constant record: of a new model, in an outage, where a fault's cause is in doubt.
* `gate`: what a call must wait for: an outage, a limit, a spent budget (`spending`), the end of the process.
* `calls`: one call, composed, made, read, counted and shared out.
"""
