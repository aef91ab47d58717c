"""The five questions, in the order in which they are asked, and who answers each."""

from collections.abc import Callable

from stream_classifier.observe.live.answers import Answer, cost, late, restart, working
from stream_classifier.observe.live.blame import whose
from stream_classifier.observe.live.history import Period
from stream_classifier.observe.live.state import Now

QUESTIONS: dict[str, tuple[str, Callable[[Now, Period], Answer]]] = {
    "working": ("Is it working?", working),
    "late": ("Is it late?", late),
    "whose": ("Is it the provider or us?", whose),
    "cost": ("What did it cost?", cost),
    "restart": ("Is it safe to restart?", restart),
}
