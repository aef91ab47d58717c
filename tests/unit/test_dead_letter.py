from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.dead_letter import dead_letter_headers

Headers = list[tuple[str, bytes]]


def headers_of(own: Headers) -> Headers:
    return dead_letter_headers(
        own,
        reason="not_json",
        sentence="The value is not JSON: send “UTF-8”.",
        topic="tickets",
        partition=3,
        offset=2**62,
        failed_at="2026-09-21T14:13:20.007Z",
    )


@given(st.lists(st.tuples(st.text(), st.binary())))
def test_the_records_own_headers_come_first_and_untouched(own: Headers) -> None:
    assert headers_of(own)[: len(own)] == own


def test_ours_say_why_and_where_it_came_from() -> None:
    assert headers_of([]) == [
        ("dlq.reason", b"not_json"),
        ("dlq.error", "The value is not JSON: send “UTF-8”.".encode()),
        ("dlq.topic", b"tickets"),
        ("dlq.partition", b"3"),
        ("dlq.offset", b"4611686018427387904"),
        ("dlq.failed_at", b"2026-09-21T14:13:20.007Z"),
    ]


def test_of_a_dead_letter_that_comes_again_our_last_word_counts() -> None:
    """Kafka's clients read the last header of a name."""
    again = headers_of(headers_of([("dlq.offset", b"1"), ("trace", b"2")]))
    assert dict(again)["dlq.offset"] == b"4611686018427387904"
    assert dict(again)["trace"] == b"2"
