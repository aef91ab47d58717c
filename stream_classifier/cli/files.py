"""Files that several commands take, by the same option everywhere."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.")
]
LogFile = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Where the log goes, a JSON object a line.")
]
