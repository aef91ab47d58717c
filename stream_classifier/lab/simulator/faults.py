"""What a fault is: a name, a sentence, one effect. The table of them all is `fault_table.py`.

`Fail`, `Raw` and `Break` strike at the door, before the model is asked; the other effects spoil a reply that
was right. A call is struck at most once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stream_classifier.lab.simulator import replies
from stream_classifier.lab.simulator.contract import ChatRequest
from stream_classifier.lab.simulator.errors import ApiError


@dataclass(frozen=True, slots=True)
class Fail:
    """Answer with an error. Its texts may hold {model} and {param}."""

    error: ApiError


@dataclass(frozen=True, slots=True)
class Raw:
    """Answer with something that is not the API's JSON at all."""

    status: int
    body: bytes
    media_type: str = "text/html"


class Break(StrEnum):
    """Give no answer."""

    RESET = "reset"  # TCP RST
    CLOSE = "close"  # orderly end of the connection
    HANG = "hang"  # silence until the client goes away


@dataclass(frozen=True, slots=True)
class Alter:
    """Change the answers before they are written."""

    change: Callable[[replies.Right], replies.Answers]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Change the text that the answers became."""

    change: Callable[[replies.Right, str], str]


@dataclass(frozen=True, slots=True)
class Truncate:
    """Stop the reply after this share of its tokens, as at a token limit."""

    share: float


@dataclass(frozen=True, slots=True)
class Reshape:
    """Change the completion object around the reply."""

    change: Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer rightly, but late."""


Effect = Fail | Raw | Break | Alter | Rewrite | Truncate | Reshape | Delay
Applies = Callable[[ChatRequest, str | None], bool]


def always(request: ChatRequest, param: str | None) -> bool:
    """It can strike any request."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that can go wrong.

    `applies` says whether it can strike a given request at all (with the armed fault's `param`).
    `detectable` is False where the reply cannot be told from a right one by anybody outside.
    """

    name: str
    says: str
    effect: Effect
    applies: Applies = always
    detectable: bool = True
    param: str | None = None  # which parameter is refused, unless the armed fault names another
    delay_s: float = 0.0  # how long it waits first, unless the armed fault says

    @property
    def at_the_door(self) -> bool:
        """True where the model is never asked."""
        return isinstance(self.effect, Fail | Raw | Break)
