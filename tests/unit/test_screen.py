"""The demo's screen, its progress line and its summary: whole at 80 columns, and honest."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from stream_classifier.lab.figures import DemoFigures, Latency, RecentTicket, milliseconds, plain_line, usd
from stream_classifier.lab.screen import MAX_WIDTH, screen
from stream_classifier.lab.summary import summary

COUNTS = st.integers(0, 10_000_000)
FIGURES = DemoFigures(
    elapsed_s=42.3,
    planned=2000,
    tickets_in=1834,
    labelled={"bulk": 1391, "urgent": 54},
    labels={"bug": 945, "billing": 500},
    needs_review={"unsure": 5, "no_text": 1},
    dead_letters=18,
    passed_over=4,
    in_flight=361,
    rate_per_s=41.6,
    hits=282,
    shared=61,
    calls=175,
    urgent_calls=54,
    texts_per_call=9.3,
    tokens=203_114,
    cost_usd=0.0123,
    single_cost_usd=0.0512,
    single_cached_cost_usd=0.0381,
    urgent=Latency(p50_ms=312, p99_ms=804),
    bulk=Latency(p50_ms=1904, p99_ms=4120),
    recent=tuple(
        RecentTicket(ticket_id=f"T-{number}", lane="bulk", label="billing", decided_by="llm", latency_ms=1900)
        for number in range(40)
    ),
)
ENDED = replace(FIGURES, tickets_in=FIGURES.done, in_flight=0)


def drawn(renderable: RenderableType, width: int = 80, height: int = 24) -> str:
    console = Console(width=width, height=height, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_the_screen_fits_the_terminal(width: int, height: int) -> None:
    lines = drawn(screen(FIGURES), width, height).splitlines()
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= min(width, MAX_WIDTH)


def test_nothing_is_cut_off_at_80_columns() -> None:
    assert "…" not in drawn(screen(FIGURES)) + drawn(summary(ENDED, model="gpt-4o-mini"))


def test_a_higher_terminal_shows_more_tickets() -> None:
    low, high = (drawn(screen(FIGURES), 80, height).count("T-") for height in (24, 40))
    assert 3 < low < high


@pytest.mark.parametrize(("width", "height"), [(20, 5), (1, 1), (40, 10)])
def test_a_tiny_terminal_is_no_error(width: int, height: int) -> None:
    drawn(screen(FIGURES), width, height)


def test_the_first_moment_has_a_screen_too() -> None:
    assert "0 of 10" in drawn(screen(DemoFigures(elapsed_s=0, planned=10)))


def test_the_text_of_a_ticket_is_never_taken_for_markup() -> None:
    odd = RecentTicket(ticket_id="[red]x[/]", lane="urgent", label="[bold]", decided_by="llm", latency_ms=1)
    shown = drawn(screen(replace(FIGURES, recent=(odd,))))
    assert "[red]x[/]" in shown
    assert "[bold]" in shown


def test_a_ticket_without_a_label_is_shown_as_needing_review() -> None:
    unsure = RecentTicket(ticket_id="T-1", lane="bulk", label=None, decided_by=None, latency_ms=1)
    assert "needs review" in drawn(screen(replace(FIGURES, recent=(unsure,))))


@given(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS))
def test_figures_of_any_size_stay_on_their_line(counts: tuple[int, int, int, int]) -> None:
    bulk, urgent, calls, tokens = counts
    many = replace(FIGURES, labelled={"bulk": bulk, "urgent": urgent}, calls=calls, tokens=tokens)
    assert len(drawn(screen(many)).splitlines()) == len(drawn(screen(FIGURES)).splitlines())


def test_the_line_at_the_foot_is_always_there() -> None:
    assert "Ctrl-C" in drawn(screen(FIGURES, "Ctrl-C ends it"))


def test_the_summary_says_that_nothing_was_lost_when_all_came_out() -> None:
    assert "nothing was lost" in drawn(summary(ENDED, model="m"))


def test_the_summary_says_how_many_were_lost() -> None:
    shown = drawn(summary(replace(ENDED, lost=3), model="m"))
    assert "3 were lost" in shown
    assert "nothing was lost" not in shown


def test_the_summary_says_when_something_came_out_twice() -> None:
    assert "2 came out more than once" in drawn(summary(replace(ENDED, repeated=2), model="m"))


def test_what_was_left_to_kafka_counts_as_left_and_not_as_lost() -> None:
    shown = drawn(summary(replace(ENDED, left=4), model="m"))
    assert "4 left to Kafka" in " ".join(shown.split())
    assert "nothing was lost" in shown


def test_the_summary_sets_the_cost_against_one_call_a_ticket() -> None:
    shown = drawn(summary(ENDED, model="gpt-4o-mini"))
    assert all(part in shown for part in ("gpt-4o-mini", "$0.0512", "$0.0381", "$0.0123", "76 % less"))


def test_the_summary_says_that_the_provider_was_simulated() -> None:
    assert "simulated" in drawn(summary(ENDED, model="m"))


@pytest.mark.parametrize(("cached_cost_usd", "said"), [(0.0512, True), (0.0381, False)])
def test_the_summary_says_so_where_a_prefix_cache_would_have_saved_nothing(
    cached_cost_usd: float, said: bool
) -> None:
    shown = drawn(summary(replace(ENDED, single_cached_cost_usd=cached_cost_usd), model="m"))
    assert ("would have saved nothing" in " ".join(shown.split())) is said


def test_a_cost_that_a_prefix_cache_would_have_is_left_out_where_it_is_not_known() -> None:
    shown = drawn(summary(replace(ENDED, single_cached_cost_usd=None), model="m"))
    assert "prefix cache" not in shown


def test_the_plain_line_is_one_line_with_the_counts_that_matter() -> None:
    line = plain_line(FIGURES)
    assert line.startswith("0:42  in 1,834  labelled 1,445 (54 urgent)")
    assert "\n" not in line


def test_the_plain_line_says_why_work_is_paused() -> None:
    assert "provider: paused, quota" in plain_line(
        replace(FIGURES, provider="paused, quota", provider_well=False)
    )


@pytest.mark.parametrize(("value", "shown"), [(None, "·"), (5.2, "5 ms"), (999.4, "999 ms"), (1904, "1.9 s")])
def test_durations_are_written_for_people(value: float | None, shown: str) -> None:
    assert milliseconds(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.01234, "$0.0123"), (1.5, "$1.50"), (12345.6, "$12,345.60")])
def test_costs_are_written_for_people(value: float, shown: str) -> None:
    assert usd(value) == shown
