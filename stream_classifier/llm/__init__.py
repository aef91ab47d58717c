"""The provider: the only room that knows httpx. It turns an `Order` into an `Outcome`.

In reading order:

* `client` makes the call, under its time limit and within its bounds.
* `reply` reads a 200: finished, cut off, refused, or no completion at all.
* `errors` reads every other status, whatever its wording, by the tables in `error_table`.
* `failures` reads what goes wrong below HTTP.
* `visit` is what is seen of an endpoint without asking its model anything.

What an endpoint was found not to take stands in `core/ladder.py`, its limits' headers are read by
`core/rate_headers.py`, and what is done about each outcome is decided in `core/failure.py`.
"""

from stream_classifier.llm.client import OpenAIClient

__all__ = ["OpenAIClient"]
