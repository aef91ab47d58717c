"""Files in base64 are taken out of a text, with a mark; keys, traces and words stay."""

import base64
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.embedded import MIN_RUN_CHARS, is_only_marks, without_embedded

FILE = base64.b64encode(random.Random(7).randbytes(3000)).decode()
LINES = "\n".join(FILE[at : at + 76] for at in range(0, len(FILE), 76))


@pytest.mark.parametrize(
    ("text", "without"),
    [
        (f"see data:image/png;base64,{FILE} please", "see [image left out] please"),
        (f"![shot](data:image/png;base64,{FILE})", "![shot]([image left out])"),
        (f"data:application/pdf;name=a.pdf;base64,{FILE}", "[4 KB of base64 left out]"),
        (f"before\n{LINES}\nafter", "before\n[4 KB of base64 left out]\nafter"),
        (f"before\n{LINES}\nBest".replace("\n", "\r\n"), "before\r\n[4 KB of base64 left out]\nBest"),
        (f"dump: {FILE} end", "dump: [4 KB of base64 left out] end"),
    ],
)
def test_a_file_leaves_a_mark(text: str, without: str) -> None:
    assert without_embedded(text) == without


TRACE = (
    "Traceback (most recent call last):\n"
    + '  File "/app/service/handlers/export.py", line 10, in run\n' * 20
)


@pytest.mark.parametrize(
    "text",
    [
        f"-----BEGIN RSA PRIVATE KEY-----\n{LINES}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n{LINES}\n-----END-----",
        TRACE,
        "A" * 5000,
        "a" * 5000,
        "/srv/data/" * 100,
        FILE[: MIN_RUN_CHARS - 1].replace("=", ""),
        "word\n" * 400,
    ],
)
def test_what_is_no_file_stays(text: str) -> None:
    assert without_embedded(text) == text


def test_a_text_of_files_alone_says_nothing() -> None:
    assert is_only_marks(without_embedded(f"![](data:image/png;base64,{FILE})\n{LINES}"))
    assert not is_only_marks("help [image left out]")


@given(st.lists(st.sampled_from([LINES, FILE, "\n", "word ", "data:;base64,AAAA"])).map("".join))
def test_taking_out_twice_changes_nothing_more(text: str) -> None:
    once = without_embedded(text)
    assert without_embedded(once) == once


@pytest.mark.parametrize(
    "unit",
    ["Aa1" * 20 + "\n", ("Aa1" * 25 + "\n") * 2 + "!\n", "Aa1", "A" * 399 + "!", "data:;base64", "A\n"],
)
def test_the_time_is_linear_in_the_length(unit: str) -> None:
    def spent_s(chars: int) -> float:
        text = unit * (chars // len(unit))
        started_s = time.process_time()
        without_embedded(text)
        return time.process_time() - started_s

    few_s = min(spent_s(100_000) for _ in range(3))
    assert min(spent_s(800_000) for _ in range(3)) < max(32 * few_s, 0.2)  # eight times; squared, 64 times


@given(
    before=st.lists(st.integers(1, 200), max_size=12),
    after=st.lists(st.integers(1, 200), max_size=12),
    chars=st.integers(MIN_RUN_CHARS, len(FILE)),
)
def test_a_file_goes_wherever_it_stands_among_words(before: list[int], after: list[int], chars: int) -> None:
    words = " ".join("é" * length for length in before), " ".join("é" * length for length in after)
    assert without_embedded(f"{words[0]} {FILE[:chars]} {words[1]}").count("left out]") == 1
