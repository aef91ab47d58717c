"""What the process says of what it holds."""

import asyncio
import gc
import os
from collections import Counter
from pathlib import Path

from structlog.testing import capture_logs

from stream_classifier.observe.census import open_descriptors, tell_census, unresolved


class Ticket:
    def __init__(self, text: str) -> None:
        self.text = text


def leave_a_ring() -> None:
    ring: list[object] = [asyncio.get_running_loop().create_future()]
    ring.append(ring)


def told() -> dict[str, object]:
    with capture_logs() as lines:
        tell_census()
    [line] = lines
    return dict(line)


async def test_it_counts_objects_by_type_and_says_nothing_of_what_they_hold() -> None:
    held = [Ticket("my secret") for _ in range(50_000)]
    types = told()["types"]
    assert isinstance(types, list)
    assert f"{__name__}.Ticket: {len(held)}" in types
    assert "secret" not in str(told())


async def test_it_names_tasks_by_what_they_run() -> None:
    async def asking() -> None:
        await asyncio.sleep(60)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(asking()) for _ in range(3)]
        await asyncio.sleep(0)
        line = told()
        for task in running:
            task.cancel()
    assert line["tasks"] == 4
    assert "test_it_names_tasks_by_what_they_run.<locals>.asking: 3" in str(line["running"])


async def test_only_futures_that_wait_are_counted() -> None:
    loop = asyncio.get_running_loop()
    waiting, resolved = loop.create_future(), loop.create_future()
    resolved.set_result(None)
    objects = [waiting, resolved, asyncio.current_task(), 1]
    assert unresolved(objects, Counter(map(type, objects))) == 1


async def test_what_nobody_holds_any_more_is_collected_and_not_counted() -> None:
    tell_census()
    gc.disable()
    for _ in range(100):
        leave_a_ring()
    line = told()
    gc.enable()
    assert isinstance(line["garbage"], int)
    assert line["garbage"] >= 200
    assert line["futures"] == told()["futures"]


async def test_a_future_that_is_held_is_found_among_all_objects() -> None:
    gc.collect()
    before = told()["futures"]
    held = asyncio.get_running_loop().create_future()
    after = told()["futures"]
    assert isinstance(before, int)
    assert after == before + 1
    assert not held.done()


def test_sockets_are_told_from_other_descriptors(tmp_path: Path) -> None:
    for number, target in enumerate(
        ("socket:[4711]", "socket:[4712]", "/dev/null", "anon_inode:[eventpoll]")
    ):
        (tmp_path / str(number)).symlink_to(target)
    assert open_descriptors(tmp_path) == (2, 2)


def test_where_the_system_does_not_tell_none_are_counted(tmp_path: Path) -> None:
    assert open_descriptors(tmp_path / "nowhere") == (0, 0)


def test_the_descriptors_are_those_of_the_process() -> None:
    before = open_descriptors(Path("/proc/self/fd"))
    reading, writing = os.pipe()
    assert open_descriptors(Path("/proc/self/fd")) == (before[0], before[1] + 2)
    os.close(reading)
    os.close(writing)
