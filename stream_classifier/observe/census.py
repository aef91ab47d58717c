"""What the process holds, counted by kind: one line of the log, on request (SIGUSR1).

For the night on which memory, tasks or sockets grow: two lines with an hour between them say what it is.
Only numbers and names of types and functions are told, never what an object holds.

What nobody holds any more is collected first, and how much that was is told: a closed connection may wait
for the collector for long, and is no leak. Then all objects that the collector knows are counted. Both walk
over them, some 200 ms together for a million, and the loop stands still meanwhile. What was there before the
service started is frozen (`gc.freeze`) and not counted.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

DESCRIPTORS = Path("/proc/self/fd")
SHOWN_TYPES = 30  # what grows is among the most numerous, sooner or later
SHOWN_TASKS = 30  # kinds of them: we have some twenty


def tell_census() -> None:
    """Log it. To be called in the loop's thread."""
    garbage = gc.collect()
    objects = gc.get_objects()
    types = Counter(map(type, objects))
    sockets, files = open_descriptors(DESCRIPTORS)
    tasks = asyncio.all_tasks()
    log.info(
        "census",
        tasks=len(tasks),
        futures=unresolved(objects, types),
        sockets=sockets,
        files=files,
        garbage=garbage,
        objects=len(objects),
        running=_most(Counter(map(_kind, tasks)), SHOWN_TASKS),
        types=_most(Counter({_name(each): count for each, count in types.items()}), SHOWN_TYPES),
    )


def unresolved(objects: Iterable[Any], types: Iterable[type]) -> int:
    """The futures among these objects that wait for their result; tasks are not counted."""
    kinds = {
        each for each in types if issubclass(each, asyncio.Future) and not issubclass(each, asyncio.Task)
    }
    return sum(not each.done() for each in objects if type(each) in kinds)


def open_descriptors(directory: Path) -> tuple[int, int]:
    """Sockets, and all else that is open, by the links of a process's directory (Linux: `/proc/PID/fd`);
    none where there is no such directory."""
    if not directory.is_dir():
        return 0, 0
    targets = [_target(entry) for entry in directory.iterdir()]
    sockets = sum(target.startswith("socket:") for target in targets)
    return sockets, sum(bool(target) for target in targets) - sockets


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:  # the one that was open to read the directory
        return ""


def _kind(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "?")


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _most(counts: Counter[str], shown: int) -> list[str]:
    """The most frequent, as text: as keys of a mapping, some would look like a secret's name."""
    return [f"{name}: {count}" for name, count in counts.most_common(shown)]
