"""What is told of the process: its build, and the limit of its memory."""

import asyncio
from pathlib import Path

import pytest

from stream_classifier import __version__
from stream_classifier.core import measures
from stream_classifier.core.tally import Tally
from stream_classifier.observe.process import declare_process, memory_limit_bytes


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_the_limit_is_the_control_groups(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("536870912\n")
    assert memory_limit_bytes(tmp_path) == 512 * 1024 * 1024


@pytest.mark.parametrize("said", ["max\n", "9223372036854771712\n", "", "none of this"])
def test_a_group_without_a_limit_tells_none(tmp_path: Path, said: str) -> None:
    (tmp_path / "memory.max").write_text(said)
    assert memory_limit_bytes(tmp_path) is None


def test_without_a_control_group_there_is_none(tmp_path: Path) -> None:
    assert memory_limit_bytes(tmp_path) is None


def test_what_runs_is_one_row() -> None:
    tally = Tally()
    declare_process(tally, "d1g3st")
    assert tally.gauges[measures.BUILD]() == {(__version__, "d1g3st"): 1}


async def test_tasks_are_counted_while_they_run() -> None:
    tally = Tally()
    declare_process(tally, "d1g3st")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.sleep(1))
        assert tally.gauges[measures.TASKS]() == {(): 2}
    assert tally.gauges[measures.TASKS]() == {(): 1}
