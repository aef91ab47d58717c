"""The article's code before a provider without latency: what it asks, remembers and loses."""

from benchmarks.article_code import ArticleCode
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.lab.simulator import ArmedFault, Simulator, SimulatorOptions

TEXTS = [*(f"Export {n} stops with an error" for n in range(20)), "EXPORT 3  stops with an error"]
AT_ONCE = SimulatorOptions(latency_s=0, tokens_per_s=1e6)


def _code(url: str, *, batch_tickets: int = 10, remembers: bool = True) -> ArticleCode:
    return ArticleCode(
        url=url,
        texts=TEXTS,
        taxonomy=read_taxonomy(dict(DEMO_TAXONOMY)),
        batch_tickets=batch_tickets,
        concurrency=1,
        remembers=remembers,
    )


async def test_the_article_s_code_asks_in_tens_and_never_for_what_it_knows() -> None:
    simulator = Simulator(AT_ONCE)
    async with simulator.serve() as address:
        code = _code(address.url)
        await code.run()
    assert [call.records for call in simulator.stats.log] == [10, 10]
    assert len(code.answered) == len(TEXTS)
    assert code.labels[20] == code.labels[3]


async def test_one_call_a_ticket_remembers_nothing() -> None:
    simulator = Simulator(AT_ONCE)
    async with simulator.serve() as address:
        await _code(address.url, batch_tickets=1, remembers=False).run()
    assert [call.records for call in simulator.stats.log] == [1] * len(TEXTS)


async def test_a_call_that_fails_loses_the_article_s_code_its_whole_batch() -> None:
    simulator = Simulator(AT_ONCE)
    async with simulator.serve() as address:
        simulator.faults.replace([ArmedFault.from_flag("http_503:count=1")])
        code = _code(address.url)
        await code.run()
    assert len(code.answered) == len(TEXTS) - 10
