"""The page's HTML and the texts that fill it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Lane
from stream_classifier.observe.live.history import KEPT_S
from stream_classifier.observe.live.page import CONTENT_SECURITY_POLICY, page
from stream_classifier.observe.live.recent import TELLING, Recent
from stream_classifier.observe.live.state import Now, PartitionNow
from stream_classifier.observe.live.view import (
    CHART_HEIGHT,
    CHART_WIDTH,
    MAX_PARTITIONS,
    View,
    changes,
    new_view,
    points,
)
from tests.browser.pages import (
    BUSY,
    IDENTITY,
    IDLE,
    MODEL,
    NOON,
    OUTAGE,
    SCHEMA,
    STATES,
    STUCK,
    a_history,
    a_line,
)

HOSTILE = "<img src=x onerror=alert(1)>"


def a_view(now: Now, recent: Recent | None = None) -> View:
    return new_view(now, a_history(lambda _: 5, lambda: NOON), recent or Recent())


class Reader(HTMLParser):
    """Reads a page: its tags, what they load, and whether each is closed."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("state", STATES)
def test_the_page_is_well_formed_and_loads_nothing(state: str) -> None:
    read = Reader(page(a_view(STATES[state])))
    assert read.open == []
    names = {name for name, _ in read.attributes}
    assert not names & {"src", "style", "srcset"}
    assert not any(name.startswith("on") for name in names)
    hrefs = {value for name, value in read.attributes if name == "href" and value and value[:5] != "data:"}
    assert hrefs == {"/metrics", "/healthz", "/readyz"}


def test_every_text_of_a_view_has_its_place_and_every_place_its_text() -> None:
    view, text = a_view(BUSY), page(a_view(BUSY))
    places = {f"{kind}:{name}" for kind, name in re.findall(r'data-(text|rows|line|tone)="([a-z-]+)"', text)}
    assert places == view.keys()


def test_without_a_script_the_page_says_everything_already() -> None:
    text = page(a_view(OUTAGE))
    assert text.index("Paused") < text.index("Is it working?") < text.index("Lanes")
    assert "quota or credit is used up" in text
    assert '<noscript><meta http-equiv="refresh"' in text


def test_what_is_shown_is_escaped_wherever_it_comes_from() -> None:
    recent = Recent()
    recent(None, "", a_line("library", "error", message=HOSTILE))
    recent(None, "", a_line("needs_review", "info", event_id="t:0:1", ticket_id=HOSTILE, reason="unsure"))
    recent(None, "", a_line("dead_letter", "warning", partition="t:0", offset=1, reason=HOSTILE))
    now = replace(
        STUCK,
        models=[replace(MODEL, name=HOSTILE)],
        identity=replace(IDENTITY, host=HOSTILE, group_id=HOSTILE),
    )
    text = page(a_view(now, recent))
    assert "<img" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") == 6


def test_the_policy_allows_this_style_and_this_script_and_no_other() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "connect-src 'self'" in CONTENT_SECURITY_POLICY
    assert "require-trusted-types-for 'script'" in CONTENT_SECURITY_POLICY


def test_the_script_sets_text_and_never_markup() -> None:
    script = (Path(page.__code__.co_filename).parent / "page.js").read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|\.style\b", script
    )


def test_what_has_not_changed_is_not_sent_again() -> None:
    before = a_view(BUSY)
    after = a_view(replace(BUSY, unix_s=NOON + 1))
    assert changes(before, after) == {"text:taken-at": "12:03:05"}
    assert changes({}, after) == after


def test_of_many_partitions_the_worst_are_shown_and_the_others_counted() -> None:
    many = [PartitionNow(number=n, committed=n, unfinished=1, oldest_s=n, lag=n) for n in range(100)]
    view = a_view(replace(BUSY, partitions=many))
    numbers = [row[1][0] for row in view["rows:partitions"]]
    assert numbers == [str(n) for n in range(100 - MAX_PARTITIONS, 100)]
    assert "68 partitions more" in view["text:partitions-note"]


def test_a_partition_that_stands_still_is_marked() -> None:
    tones = [row[0] for row in a_view(STUCK)["rows:partitions"]]
    assert tones == ["", "", "", "bad", "", ""]


def test_a_partition_whose_next_record_waits_for_its_schema_says_so() -> None:
    rows = a_view(SCHEMA)["rows:partitions"]
    assert [row[0] for row in rows] == ["wait", "wait", "", "", "", ""]
    assert rows[0][1][-1] == "reading rests: the next record's schema is not known yet"


def test_no_model_s_limits_are_made_up() -> None:
    untold = a_view(replace(IDLE, models=[replace(MODEL, rate=None)]))
    assert "the provider tells none" in str(untold["rows:models"])


def test_a_silent_log_is_not_taken_for_an_empty_list() -> None:
    quiet = replace(IDLE, identity=replace(IDENTITY, log_level="warning"))
    assert a_view(quiet)["text:reviews-note"] == "log.level is warning, so the log has none."
    assert a_view(IDLE)["text:reviews-note"] == "None since the start."


def test_a_lane_says_how_long_its_tickets_take() -> None:
    note = a_view(BUSY)[f"text:{Lane.BULK}-note"]
    assert note == "Of the last 5 minutes, half were out within 2.5 s, 95 % within 2.5 s."


rates = st.lists(st.tuples(st.floats(0, KEPT_S), st.floats(0, 10**6)), min_size=1)


@given(rates)
def test_a_drawn_line_stays_in_its_drawing(drawn: list[tuple[float, float]]) -> None:
    drawn = sorted(drawn, reverse=True)
    peak = max(n for _, n in drawn)
    places = [tuple(map(float, point.split(","))) for point in points(drawn, peak).split()]
    assert all(0 <= x <= CHART_WIDTH and 0 <= y <= CHART_HEIGHT for x, y in places)
    assert all(before <= after for (before, _), (after, _) in pairwise(places))


def test_nothing_drawn_where_there_is_no_history() -> None:
    assert points([], 0) == ""


def test_events_that_the_page_tells_of_are_events_of_the_log() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "logs.md").read_text(encoding="utf-8")
    assert [event for event in TELLING if f"| `{event}` |" not in documented] == []
