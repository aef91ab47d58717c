"""Made-up histories for the account: three records of one partition, and what somebody made of them."""

from collections.abc import Mapping, Sequence

from tests.chaos.history import Commit, History, Input, Output, Owned, Place, Source, Strike
from tests.chaos.schedule import Kind
from tests.chaos.tickets import Expected

BUG = Expected(rights=("bug",))
URGENT_BUG = Expected(rights=("bug",), urgent=True)
TWO_TICKETS = Expected(rights=("bug", "other"))
NO_TICKET = Expected(dead=True)
TOMBSTONE = Expected()

FIRST_OWNER = Owned(at_ms=0, replica="first", partitions=frozenset({0}))
SECOND_OWNER = Owned(at_ms=500, replica="second", partitions=frozenset({0}))


def came_in(*expected: Expected, key: bytes | None = b"key") -> Mapping[Place, Input]:
    """Records of partition 0, one at offset 0, the next at 1, all at the beginning."""
    return {Place(0, n): Input(at_ms=0, key=key, expected=one) for n, one in enumerate(expected)}


def out(
    offset: int,
    at_ms: int,
    place: int,
    *,
    part: int | None = None,
    label: str = "bug",
    overtook: bool = False,
) -> Output:
    """An event for the record at `offset`, which stands at `place` of the output."""
    source = Source(Place(0, offset), part)
    return Output(source=source, at_ms=at_ms, partition=0, offset=place, label=label, overtook=overtook)


def for_review(offset: int, at_ms: int, place: int, reason: str) -> Output:
    """An event without a label."""
    return Output(source=Source(Place(0, offset)), at_ms=at_ms, partition=0, offset=place, reason=reason)


def dead(offset: int, at_ms: int, place: int = 0) -> Output:
    """A dead letter for the record at `offset`."""
    return Output(source=Source(Place(0, offset)), at_ms=at_ms, partition=0, offset=place, dead=True)


def commit(at_ms: int, position: int, *runs: tuple[int, int]) -> Commit:
    return Commit(at_ms=at_ms, position=position, runs=runs)


def strike(kind: Kind, whom: str, at_ms: int, over_ms: int | None = None) -> Strike:
    return Strike(kind=kind, whom=whom, at_ms=at_ms, over_ms=at_ms if over_ms is None else over_ms)


def a_history(
    inputs: Mapping[Place, Input],
    outputs: Sequence[Output],
    *,
    commits: Sequence[Commit] = (),
    owned: Sequence[Owned] = (FIRST_OWNER,),
    strikes: Sequence[Strike] = (),
    complaints: Sequence[str] = (),
) -> History:
    return History(
        inputs=inputs,
        outputs=outputs,
        commits={0: commits},
        owned=owned,
        strikes=strikes,
        complaints=complaints,
    )
