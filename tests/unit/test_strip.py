"""Quoted history and signatures are taken out, as mail clients write them; nothing else is."""
# ruff: noqa: RUF001 - phrases of many languages

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.strip import strip

BOTH = ("quotes", "signatures")


def test_a_quote_goes_with_the_line_that_introduces_it() -> None:
    body = "It still fails.\n\nOn 3 May at 10:15, Ann <ann@example.com> wrote:\n> Try again.\n> Regards"
    assert strip(body, BOTH) == "It still fails."


def test_an_introduction_that_a_client_broke_into_two_lines_goes_whole() -> None:
    body = "Still broken\n\nOn Tue, May 3, 2026 at 10:15 AM Ann <\nann@example.com> wrote:\n\n> Try again."
    assert strip(body, BOTH) == "Still broken"


def test_an_answer_between_quotes_stays() -> None:
    assert strip("> Which version?\n4.2\n> Which browser?\nFirefox", BOTH) == "4.2\nFirefox"


INTRODUCTIONS = [
    "On 3 May 2026, at 10:15, Ann Example wrote:",
    "Am 03.05.2026 um 10:15 schrieb Ann Example <ann@example.com>:",
    "Le dim. 3 mai 2026 à 10:15, Ann Example <ann@example.com> a écrit :",
    "El dom, 3 may 2026 a las 10:15, Ann Example (<ann@example.com>) escribió:",
    "Em dom., 3 de mai. de 2026 às 10:15, Ann Example <ann@example.com> escreveu:",
    "Il giorno dom 3 mag 2026 alle ore 10:15 Ann Example <ann@example.com> ha scritto:",
    "Op zo 3 mei 2026 om 10:15 schreef Ann Example <ann@example.com>:",
    "niedz., 3 maj 2026 o 10:15 Ann Example <ann@example.com> napisał(a):",
    "вс, 3 мая 2026 г. в 10:15, Ann Example <ann@example.com>:",
    "2026年5月3日(日) 10:15 Ann Example <ann@example.com>:",
    "Ann Example <ann@example.com>, 3 May 2026 Paz, 10:15 tarihinde şunu yazdı:",
]


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
@pytest.mark.parametrize("quote", ["> Try again.\n>\n> Ann", "Try again.\n\nAnn"], ids=["marked", "unmarked"])
def test_what_clients_write_above_the_answered_mail_goes_with_it(introduction: str, quote: str) -> None:
    assert strip(f"It still fails.\n\n{introduction}\n\n{quote}", BOTH) == "It still fails."


HEADS = [
    "From: Support <help@example.com>\nSent: Monday, 3 May 2026 10:15\nTo: Ann Example\nSubject: Re: Export",
    "________________________________\nFrom: Support\nSent: Monday\nTo: Ann\nCc: Bo\nSubject: Re: Export",
    "Von: Support\nGesendet: Montag, 3. Mai 2026 10:15\nAn: Ann Example\nBetreff: AW: Export",
    "De : Support\nEnvoyé : lundi 3 mai 2026 10:15\nÀ : Ann Example\nObjet : RE: Export",
    "De: Support\nEnviado el: lunes, 3 de mayo de 2026 10:15\nPara: Ann\nAsunto: RE: Export",
    "*Da:* Support\n*Inviato:* lunedì 3 maggio 2026\n*A:* Ann\n*Oggetto:* R: Export",
    "От: Support\nОтправлено: 3 мая 2026\nКому: Ann\nТема: RE: Export",
    "-----Original Message-----\nFrom: Support",
    "-----Ursprüngliche Nachricht-----\nVon: Support",
    "-----Message d'origine-----\nDe : Support",
    "##- Please type your reply above this line -##",
    "##- Bitte geben Sie Ihre Antwort oberhalb dieser Zeile ein. -##",
    "--- Please reply above this line ---",
]


@pytest.mark.parametrize("head", HEADS)
def test_all_below_the_head_of_the_answered_mail_goes(head: str) -> None:
    assert strip(f"It still fails.\n\n{head}\n\nHave you tried again?", BOTH) == "It still fails."


def test_a_helpdesks_line_above_the_whole_text_takes_nothing_with_it() -> None:
    assert strip("##- Please type your reply above this line -##\n\nIt fails.", BOTH) == "It fails."


FORWARDS = [
    "---------- Forwarded message ---------\nFrom: Bo\nDate: Mon, 3 May 2026\nSubject: Refund\nTo: Ann",
    "Begin forwarded message:\n\nFrom: Bo\nSubject: Refund\nDate: 3 May 2026 at 10:15",
    "-------- Weitergeleitete Nachricht --------\nBetreff: Refund\nVon: Bo",
    "---------- Mensaje reenviado ---------\nDe: Bo\nAsunto: Refund",
]


@pytest.mark.parametrize("forward", FORWARDS)
def test_a_forwarded_mail_is_the_ticket_and_stays(forward: str) -> None:
    body = f"Please see below.\n\n{forward}\n\nI want my money back.\n> and soon"
    assert strip(body, ("quotes",)) == body


@pytest.mark.parametrize(
    "subject", ["Fwd: Refund", "FW: Refund", "WG: Refund", "TR : Refund", "Re: RV: Refund"]
)
def test_a_subject_that_says_forwarded_keeps_the_mail_below_a_head(subject: str) -> None:
    body = f"Can you help?\n\n{HEADS[0]}\n\nI want my money back."
    assert strip(body, BOTH, subject) == body
    assert strip(body, BOTH, "Refund") == "Can you help?"


def test_a_signature_goes_from_its_delimiter_on() -> None:
    assert strip("The export is empty.\n-- \nAnn Example\nHead of Things", BOTH) == "The export is empty."


SENT_FROM = [
    "Sent from my iPhone",
    "Get Outlook for iOS",
    "Sent from Yahoo Mail on Android",
    "Von meinem iPhone gesendet",
    "Gesendet von Outlook für Android",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Enviado do meu iPhone",
    "Inviato da iPhone",
    "Verzonden vanaf mijn iPhone",
    "Skickat från min iPhone",
    "Wysłane z iPhone'a",
    "Отправлено с iPhone",
    "iPhoneから送信",
    "发自我的iPhone",
]


@pytest.mark.parametrize("line", SENT_FROM)
def test_the_line_that_a_telephone_adds_goes(line: str) -> None:
    assert strip(f"The export is empty.\n\n{line}", BOTH) == "The export is empty."


KEPT = [
    "Log follows\n--\n" + "\n".join(f"line {n}" for n in range(40)),
    "I sent the mail.\nSent from my account, but nobody has it.",
    "From: Berlin\nTo: Paris\nDate: 3 May 10:15\nI want to change this booking.",
    "I tried at 10:15 and it says:\nNo connection",
    "The mail from ann@example.com says:\nYour account is closed",
    "Steps:\n- open\n- press\nResult:\nnothing",
    'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: From: x',
]


@pytest.mark.parametrize("body", KEPT)
def test_what_only_looks_like_history_or_a_signature_stays(body: str) -> None:
    assert strip(body, BOTH) == body


def test_a_line_that_ends_with_a_colon_but_names_no_time_or_address_stays() -> None:
    assert strip("These do not work:\n> export\n> import", BOTH) == "These do not work:"


@pytest.mark.parametrize("body", ["> Please reset my password", f"{HEADS[0]}\n\nHelp", "Sent from my iPhone"])
def test_where_nothing_would_be_left_everything_stays(body: str) -> None:
    assert strip(body, BOTH) == body


@pytest.mark.parametrize("what", [(), ("quotes",), ("signatures",)])
def test_only_what_is_asked_for_is_taken_out(what: tuple[str, ...]) -> None:
    stripped = strip("Text\n> quote\n-- \nAnn", what)
    assert ("> quote" in stripped, "Ann" in stripped) == ("quotes" not in what, "signatures" not in what)


LINES = st.sampled_from([*INTRODUCTIONS, *HEADS, *FORWARDS, *SENT_FROM, "> quoted", "text", "-- ", "", "a:"])


@given(st.text(alphabet="ab >-\n:@1", max_size=200) | st.lists(LINES, max_size=9).map("\n".join))
def test_what_is_left_was_there_and_is_never_empty_where_there_was_text(body: str) -> None:
    stripped = strip(body, BOTH)
    assert {line.strip() for line in stripped.split("\n")} <= {line.strip() for line in body.split("\n")}
    assert bool(stripped.strip()) == bool(body.strip())


HOSTILE = [
    "\n",
    ">\n",
    ":\n",
    "From: a\nA: b\n",
    "\n-----",
    "On 10:15 <a@b> ",
    "##- ",
    "-- \n",
    "Sent from ",
    "\n_____\nFrom:",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_time_is_linear_in_the_length(unit: str) -> None:
    def spent_s(chars: int) -> float:
        body = "x\n" + unit * (chars // len(unit))
        started_s = time.process_time()
        strip(body, BOTH)
        return time.process_time() - started_s

    few_s = min(spent_s(20_000) for _ in range(3))
    assert min(spent_s(160_000) for _ in range(3)) < max(32 * few_s, 0.2)  # eight times; squared, 64 times
