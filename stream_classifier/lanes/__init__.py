"""Where texts wait for an answer, in reading order.

* `flights`: the same text in flight is asked once.
* `bulk` gathers texts for batches; `urgent` asks each at once.
* `batch`: texts that are asked together.
* `answering` carries a batch through whatever its calls bring, by the failure policy of `core`.
* `gate`: what a call must wait for: an outage, a limit, the end of the process.
* `calls`: one call, composed, made, read, counted and shared out.
"""
