"""Atlassian's documents as a reader sees them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.formats.adf import (
    ATTRIBUTES,
    BLOCKS,
    LEFT_OUT,
    MAX_NODES,
    is_document,
    text_of_document,
)


def doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def node(kind: str, *content: Any, **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content), "attrs": attrs}


def text(words: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": words, "marks": list(marks)}


def paragraph(*words: str) -> dict[str, Any]:
    return node("paragraph", *map(text, words))


LINK = {"type": "link", "attrs": {"href": "https://example.com/a"}}


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ([paragraph("one", " and ", "two")], "one and two"),
        ([paragraph("one"), paragraph("two")], "one\n\ntwo"),
        ([node("heading", text("Steps"), level=1), paragraph("go")], "Steps\n\ngo"),
        ([node("paragraph", text("a"), node("hardBreak"), text("b"))], "a\nb"),
        ([node("paragraph", text("see"), text(" this", LINK))], "see this (https://example.com/a)"),
        ([node("paragraph", text("https://example.com/a", LINK))], "https://example.com/a"),
        ([node("paragraph", node("mention", text="@ada"), text(" look"))], "@ada look"),
        ([node("paragraph", node("emoji", shortName=":fire:"))], ":fire:"),
        ([node("paragraph", node("inlineCard", url="https://example.com"))], "https://example.com"),
        ([node("codeBlock", text("x = 1\ny = 2"), language="python")], "x = 1\ny = 2"),
        ([node("panel", paragraph("careful"), panelType="note"), paragraph("b")], "careful\n\nb"),
        (
            [node("bulletList", node("listItem", paragraph("a")), node("listItem", paragraph("b")))],
            "- a\n- b",
        ),
        (
            [
                node(
                    "bulletList",
                    node("listItem", paragraph("a"), node("bulletList", node("listItem", paragraph("b")))),
                )
            ],
            "- a\n- b",
        ),
        ([node("taskList", node("taskItem", text("call"), state="TODO"))], "- call"),
        (
            [
                node(
                    "table",
                    node("tableRow", node("tableHeader", paragraph("a")), node("tableCell", paragraph("b"))),
                )
            ],
            "a b",
        ),
        ([node("mediaSingle", node("media", alt="a screen"))], "a screen"),
        ([node("expand", paragraph("in"), title="More")], "More\nin"),
        ([node("somethingNew", paragraph("still read"))], "still read"),
        ([], ""),
    ],
)
def test_a_document_reads_as_its_reader_would_see_it(content: list[Any], read: str) -> None:
    assert text_of_document(doc(*content)) == read


def test_only_a_document_is_one() -> None:
    assert is_document(doc())
    assert not any(map(is_document, ("text", None, {"type": "doc"}, {"type": "panel", "content": []}, [])))


def test_of_a_document_without_end_the_beginning_is_read() -> None:
    read = text_of_document(doc(*[paragraph("x")] * MAX_NODES))
    assert read.startswith("x\n\nx")
    assert read.endswith(LEFT_OUT)
    assert read.count("x") < MAX_NODES


def test_a_document_may_nest_as_deep_as_json() -> None:
    deep: Any = text("found")
    for _ in range(5000):
        deep = node("blockquote", deep)
    assert text_of_document(doc(deep)) == "found"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries(
            {"type": st.sampled_from([*BLOCKS, *ATTRIBUTES, "text", "tableCell"]) | inner},
            optional={"content": inner | st.lists(inner), "attrs": inner, "text": inner, "marks": inner},
        )
    ),
    max_leaves=15,
)


@given(anything)
def test_whatever_stands_in_a_document_is_no_fault(content: Any) -> None:
    read = text_of_document({"type": "doc", "content": content})
    assert "\n\n\n" not in read
