"""Every promise through a short storm; `make chaos` makes long ones."""

from pathlib import Path

import pytest

from tests.brokers.kafka import RealKafka
from tests.chaos.account import account_of
from tests.chaos.report import report
from tests.chaos.run import Plan, run
from tests.chaos.schedule import Kind

SHORT_S = 18.0  # half a minute with what goes on until the last step is over
RUN_WAIT_S = 240  # it takes a minute; it may wait for two minutes until all is settled
KINDS = (Kind.KILL, Kind.FREEZE, Kind.SCALE, Kind.COORDINATOR, Kind.OUTAGE)


@pytest.mark.timeout(RUN_WAIT_S)
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_every_promise_holds_through_kills_freezes_and_the_loss_of_a_node(
    nodes: RealKafka, tmp_path: Path, delivery: str
) -> None:
    plan = Plan(seed=3, length_s=SHORT_S, delivery=delivery, kinds=KINDS)
    account = account_of(await run(nodes, tmp_path, plan, print), delivery)
    assert account.holds, report(account, markdown=False)
    assert account.tickets > 0
