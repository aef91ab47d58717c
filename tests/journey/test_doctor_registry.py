"""doctor's line on the schema registry."""

from tests.journey.schema_registry import a_registry, answering
from tests.journey.test_doctor import a_ward

LINE = "schema registry"


async def test_a_registry_that_answers_is_ok_and_one_that_refuses_us_is_a_fault() -> None:
    async with a_registry() as registry, a_ward() as ward:
        well = await ward.states(kafka={"schema_registry_url": registry.url})
        registry.fault = answering(401)
        faults = await ward.faults(kafka={"schema_registry_url": registry.url})
    assert well[LINE] == "ok"
    assert "user and password" in faults[LINE]


async def test_where_none_is_named_there_is_no_line() -> None:
    async with a_ward() as ward:
        assert LINE not in await ward.states()
