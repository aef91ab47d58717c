"""HTML bodies read as their readers see them, whatever they hold, in time that their length bounds."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.formats.html_body import MAX_SOURCE_CHARS, MAX_TOKENS, MORE, text_of_html


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Hello <b>wor</b>ld</p><p>Bye</p>", "Hello world\n\nBye"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("<div>a</div><div>b</div>", "a\n\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("Caf&eacute;&nbsp;&amp; 5 &lt; 6 &#x41;", "Café & 5 < 6 A"),
        ("  spread \n over\t lines ", "spread over lines"),
        ("<pre>a\n  b</pre>", "a\n b"),
        ("<textarea>typed <b></textarea>", "typed <b>"),
        ("", ""),
    ],
)
def test_html_reads_as_its_reader_would_see_it(source: str, text: str) -> None:
    assert text_of_html(source) == (text, 0)


@pytest.mark.parametrize(
    "source",
    [
        "<html><head><title>T</title><style>p{}</style></head><body>seen</body></html>",
        "seen<script>if (a<b) alert('</p>')</SCRIPT >",
        "se<!-- hidden <p> -->e<![if !mso]>n<![endif]>",
        "<div style='display: none; color: red'>preview <div>of the mail</div></div>seen",
        "<div style='DISPLAY:NONE!important'>preview</div>seen",
        "<span style='max-height:0px;overflow:hidden'>preview</span>seen",
        "<span style='mso-hide:all'>preview</span>seen<svg><text>x</text></svg>",
        "<p hidden>preview<p>seen",
        "<table><tr><td hidden>x<td>seen</table>",
        "seen<img src='https://t.example/o.gif' width=1 height=1 alt='tracker'>",
        "seen<img src='https://t.example/logo.png'>",
        "seen <!-- takes the rest",
        "seen <style> takes the rest",
    ],
)
def test_what_no_reader_sees_is_left_out(source: str) -> None:
    assert text_of_html(source).text == "seen"


@pytest.mark.parametrize(
    "source",
    [
        "<div style='font-size:0'><p style='font-size:14px'>seen</p></div>",  # as newsletters are built
        "<div style='max-height:0.5em'>seen</div>",
        "<div style='opacity:0.9'>seen</div>",
        "<div class='hidden-xs'>seen</div>",
    ],
)
def test_what_a_reader_sees_stays(source: str) -> None:
    assert text_of_html(source).text == "seen"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<a href='https://www.evil.example/x?a=b'>click here</a>", "click here (evil.example)"),
        ("<a href='https://bank.example@evil.example/'>bank.example</a>", "bank.example (evil.example)"),
        ("<a href='https://example.com/x'>example.com/x</a>", "example.com/x"),
        ("<a href='mailto:ann@example.com'>write to us</a>", "write to us"),
        ("<a href='https://example.com'><img src='https://example.com/logo.png'></a>", ""),
        ("<img alt='the error' src='x.png'>", "[image: the error]"),
        ("<img src='data:image/png;base64,iVBORw0KGgo='>", "[image left out]"),
        ("<img src='cid:image001.png@01D8'>", "[image left out]"),
    ],
)
def test_a_link_names_its_host_and_a_picture_what_is_on_it(source: str, text: str) -> None:
    assert text_of_html(source).text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("never <a closed", "never <a closed"),
        ("if a < b and b <= c", "if a < b and b <= c"),
        ('broken <a title="5" inch">text</a> and "more"', 'broken text and "more"'),
        ("a <b c='x> d <i>e</i> and more", "a d e and more"),
        ("<a title=\"1 > 0\" href='x>y'>link</a>", "link"),
        (
            "Ann <ann@example.com> wrote of <https://x.example/>",
            "Ann <ann@example.com> wrote of <https://x.example/>",
        ),
    ],
)
def test_a_broken_tag_takes_no_more_with_it_than_it_must(source: str, text: str) -> None:
    assert text_of_html(source).text == text


QUOTED = [
    '<div class="gmail_quote"><div>On 3 May, Ann wrote:<br></div><blockquote>Hi</blockquote></div>',
    '<blockquote type="cite"><div>Hi</div></blockquote>',
    '<div class="yahoo_quoted" id="x"><div>On 3 May, Ann wrote:</div><div>Hi</div></div>',
    '<div class="protonmail_quote">On 3 May, Ann wrote:<blockquote>Hi</blockquote></div>',
    '<div id="mail-editor-reference-message-container" class="ms-outlook-mobile-reference-message">Hi</div>',
]


@pytest.mark.parametrize("quoted", QUOTED)
def test_every_line_of_an_answered_mail_is_marked_and_no_other(quoted: str) -> None:
    before, *within, after = text_of_html(f"<p>It fails.</p>{quoted}<p>As I said.</p>").text.split("\n")
    assert (before, after) == ("It fails.", "As I said.")
    assert "> Hi" in within
    assert all(line.startswith(">") for line in within if line)


def test_a_quotation_that_a_person_made_is_text() -> None:
    assert text_of_html("It says:<blockquote>No route</blockquote>").text == "It says:\nNo route"


def test_a_forwarded_mail_in_gmails_container_is_not_marked() -> None:
    source = '<div class="gmail_quote">---------- Weitergeleitet ---------<br>Von: Bo<br><br>Refund</div>'
    assert ">" not in text_of_html(source).text


@pytest.mark.parametrize("name", ['class="gmail_signature"', 'id="Signature"', 'class="moz-signature"'])
def test_a_clients_signature_is_left_out_where_that_is_asked_for(name: str) -> None:
    source = f"<div>It fails.</div><div {name}>Ann<div>Head of Things</div></div><div>P.S. still</div>"
    assert "Ann" in text_of_html(source).text
    assert text_of_html(source, ("signatures",)).text == "It fails.\n\nP.S. still"


SOURCES = (
    "<p>|</p>|<div hidden>|</div>|<a href='https://x.example'>|</a>|<pre>|<li>|x| |<|\n|<b c='|&lt;p>|"
    '<blockquote type=cite>|</blockquote>|<script>|</script>|<!--|-->|"|<td>|<ann@example.com>'
)
PIECES = SOURCES.split("|")
HTML = (
    st.text(alphabet="<>/!-\"'& #;a1bp=\n[]")
    | st.text()
    | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
)


@given(HTML)
def test_no_html_raises_and_blank_lines_are_few(source: str) -> None:
    assert "\n\n\n" not in text_of_html(source).text


@given(HTML)
def test_no_tag_that_is_closed_is_left(source: str) -> None:
    plain = source.replace("&lt;", "")
    assert not re.search(r"</?(?:p|div|li|pre|blockquote|a)( [^<>]*)?>", text_of_html(plain).text)


@pytest.mark.parametrize("deep", [100_000])
def test_nesting_has_no_limit(deep: int) -> None:
    source = "<i>" * (MAX_TOKENS // 2) + "text" + "</i>" * deep
    assert text_of_html(source[:MAX_SOURCE_CHARS]).text.startswith("text")


def test_of_a_body_that_is_far_too_long_the_beginning_is_read_and_the_event_can_say_so() -> None:
    readable = text_of_html("<p>word</p>" * MAX_SOURCE_CHARS)
    assert readable.unread_chars > 0
    assert readable.text.startswith("word\n\nword")
    assert readable.text.endswith(MORE)


def test_pictures_within_the_source_do_not_use_up_what_is_read() -> None:
    picture = f"<img src='data:image/png;base64,{'A' * 2 * MAX_SOURCE_CHARS}'>"
    assert text_of_html(f"<p>before</p>{picture}<p>after</p>") == ("before\n\n[image left out]\n\nafter", 0)


HOSTILE = [
    "<a ",
    '<a b="',
    "<a b='\">",
    "<!--",
    "<![",
    "<",
    "<b>",
    "<script></",
    "<pre>   ",
    "&#1",
    " \n",
    "9",
    "<p hidden>",
]
HOSTILE += [
    "<div class=gmail_quote>",
    "<a href='https://x.example'>y</a>",
    "<select><option>",
    "a=1 ",
    "<svg><template>",
]


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("opening", ["", "<pre>", '<a "', "&#"])
def test_hostile_html_takes_time_linear_in_its_length(opening: str, unit: str) -> None:
    def spent_s(chars: int) -> float:
        source = opening + unit * (chars // len(unit))
        started_s = time.process_time()
        text_of_html(source)
        return time.process_time() - started_s

    few_s = min(spent_s(MAX_SOURCE_CHARS // 8) for _ in range(3))
    assert min(spent_s(MAX_SOURCE_CHARS) for _ in range(3)) < max(32 * few_s, 0.2)  # eight times; squared, 64
