"""What the process says when something fails where nobody catches it: never what it was working on.

Rules
-----
* Python prints an error that a thread ended with, or that an object's end raised, with its message, which may
  quote a ticket or a key. Here it goes the log's way, which tells the type and the place.
* No core file is written: it would hold every text in flight, and the keys. Where the kernel pipes cores to a
  program (`kernel.core_pattern` begins with `|`) that program decides, and not this limit.
"""

import logging
import resource
import sys
import threading
from typing import Any

python = logging.getLogger("python")  # a library like any other: `library_lines.py` says what is told of it


def keep_to_itself() -> None:
    """For the whole process, from now on."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    threading.excepthook = _thread_failed
    sys.unraisablehook = _end_failed


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    python.error("A thread has ended with an error.", exc_info=failed.exc_value)


def _end_failed(failed: Any) -> None:
    python.error("The end of an object has raised an error.", exc_info=failed.exc_value)
