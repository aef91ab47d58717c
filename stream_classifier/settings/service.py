"""`http.*`, `health.*`, `log.*`: how the service is watched."""

from typing import Annotated, Literal

from pydantic import Field

from stream_classifier.settings.kinds import AnyCaseLower, Group, Seconds, Text, Whole


class Http(Group):
    """Probes, metrics and the live page."""

    host: Text = "0.0.0.0"
    """The address to listen on."""
    port: Whole = Field(default=8080, ge=1, le=65_535)
    """The port to listen on."""


class Health(Group):
    """When the service is unwell."""

    stall_s: Seconds = Field(default=600, ge=1, le=86_400)
    """How long a partition with work may stand still without a reason."""


class Log(Group):
    """The log on stderr."""

    level: Annotated[Literal["debug", "info", "warning", "error"], AnyCaseLower] = "info"
    """The least level that is written."""
    format: Literal["auto", "console", "json"] = "auto"
    """`auto`: `console` on a terminal, else `json`."""
    max_per_event_per_s: Whole = Field(default=50, ge=1, le=1_000_000)
    """Above it one line with the count stands for the rest; metrics stay exact."""
