"""Telephone numbers: international ones, and national ones by their grouping or by the word before them.

Rules
-----
* After `+` or `00`, 7 to 15 digits are a number, however grouped. Nearly every country code is given out, so
  to look one up would tell nothing.
* Without it, only groupings that telephone numbers have and dates, versions and amounts do not.
* A word for a telephone before them makes any 6 to 15 digits one; a word for an order, a ticket or a serial
  number makes those of the national groupings none.
"""

import re
from collections.abc import Iterator

from stream_classifier.core.redact.after import after_each
from stream_classifier.core.redact.plain import small
from stream_classifier.core.redact.span import Span, in_order

_GAP = r"(?:[ ]?[./\-][ ]?|[ ])"
_LOOSE = r"[ ./\-()]{0,3}"
_AFTER = r"(?![A-Za-z0-9_]|[.,:/\-][0-9])"

_PLUS = re.compile(rf"\+(?<![0-9A-Za-z]\+)[ ]?\(?[1-9](?:{_LOOSE}[0-9]){{6,14}}+")
_ZEROS = re.compile(rf"00(?<![A-Za-z0-9_.,:/\-+]00)[ ]?[1-9](?:{_LOOSE}[0-9]){{8,12}}+(?![0-9])")

# Where a number without a country code may begin: a digit or a bracket, and enough after it.
_BEGINS = re.compile(
    r"[0-9(](?<![A-Za-z0-9_+(][0-9(])(?<![0-9][.,:/\-][0-9(])(?<![#№$€£][0-9(])"
    r"(?=[0-9 ./\-()]{7})"
)
_GROUPED = re.compile(
    r"(?:"
    # North America, and Italian mobiles: three, three, four
    r"(?:1[ .\-])?(?:\([2-9][0-9]{2}\)[ ]?[0-9]{3}[ .\-]|[2-9][0-9]{2}([ .\-])[0-9]{3}\1)[0-9]{4}"
    # an area code in brackets
    rf"|\(0?[0-9]{{2,5}}\)[ ]?[0-9]{{2,5}}(?:{_GAP}?[0-9]{{2,5}}){{1,3}}"
    # after a trunk prefix, but no date
    r"|(?!(?:[0-9]{2}[./\-]){2}(?:(?:19|20)[0-9]{2}|[0-9]{2}(?![0-9./\-])))"
    r"(?!0[0-9]{2}[ ][0-9]{3}[ ][0-9]{3}(?![ ]?[0-9]))"  # nor a column of numbers
    rf"0[1-9][0-9]{{0,4}}(?:{_GAP}(?:\(0\)[ ]?)?[0-9]{{2,8}}){{1,5}}"
    r"|0(?!123456789)[1-9][0-9]{8,10}"
    # Russia and its neighbours; Turkey, Finland
    rf"|8[ \-]?\(?[3489][0-9]{{2}}\)?{_GAP}[0-9]{{3}}{_GAP}[0-9]{{2}}{_GAP}[0-9]{{2}}"
    r"|[2-9][0-9]{2}[ \-][0-9]{3}[ \-][0-9]{2}[ \-][0-9]{2}"
    # Chinese, Indian and Brazilian mobiles
    r"|1[3-9][0-9]([ \-])[0-9]{4}\2[0-9]{4}|[6-9][0-9]{4}[ \-][0-9]{5}|[0-9]{2}[ ]9[0-9]{4}-[0-9]{4}"
    rf"){_AFTER}"
)
NATIONAL_DIGITS = range(9, 13)

_WORDS = (
    *(
        "phone",
        "tel",
        "telephone",
        "telefon",
        "telefono",
        "teléfono",
        "telefone",
        "téléphone",
        "telefoonnummer",
    ),
    *(
        "telefonnummer",
        "telefonszám",
        "mobile",
        "mobil",
        "mobiltelefon",
        "móvil",
        "portable",
        "celular",
        "cellulare",
    ),
    *(
        "cell",
        "gsm",
        "tél",
        "mobiel",
        "handy",
        "handynummer",
        "rufnummer",
        "komórka",
        "numer telefonu",
        "puhelin",
    ),
    *(
        "telefon numaras\u0131",
        "cep",
        "fax",
        "whatsapp",
        "signal",
        "viber",
        "hotline",
        "landline",
        "sms",
        "call",
    ),
    *("reach me", "ring me", "text me", "call back", "contact", "dial", "appelez", "llame", "zadzwoń"),
    *("телефон", "тел", "номер телефона", "電話", "电话", "手机", "手機", "携帯", "전화", "핸드폰", "휴대폰"),
    *("هاتف", "फोन", "मोबाइल", "โทร", "điện thoại"),
)
_AFTER_A_WORD = re.compile(
    r"(?:[ .:;#()\-/]|number|num|no|nr|nummer|número|numéro|numero|номер|號碼|号码|番号|번호|is|ist|est"
    r"|es|é|jest|at|on|me|us|号|は|是)"
    rf"{{0,6}}(?<![A-Za-z0-9])(\(?[0-9](?:{_LOOSE}[0-9]){{5,14}}+)(?![A-Za-z0-9_%]|[.,:][0-9])"
)
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|ticket|case|ref|reference|serial|tracking|parcel|account|customer|client|contract|policy"
    r"|id|imei|isbn|ean|sku|part|item|po|rma|batch|lot|version|build|error|code|asset|device|model|booking"
    r"|bestellung|bestellnummer|auftrag|auftragsnummer|rechnung|rechnungsnummer|kundennummer|vertragsnummer"
    r"|vorgang|sendung|sendungsnummer|seriennummer|artikelnummer|commande|facture|dossier|colis|pedido|factura"
    r"|cliente|fatura|encomenda|ordine|fattura|zamówienie|zamówienia|faktura|faktury|bestelling|factuur|заказ"
    r"|заказа|счёт|订单|訂單|注文)"
    r"(?:[ ]?(?:number|no|nr|num|id|code|numéro|número|numero|номер|号|號|番号|n°))?"
    r"[ ]?[.:#=№]{0,2}[ ]?(?:is|ist|was|est|es|é|是|は)?[ ]?$"
)
_BEFORE_CHARS = 40  # room for the longest of these words with what may follow it
_NOT_DIGITS = re.compile(r"[^0-9]+")
_DATE = re.compile(r"(?:19|20)[0-9]{2}[ ./\-]?[01][0-9][ ./\-]?[0-3][0-9]")
_DIGITS = re.compile(r"[0-9][0-9 ./\-()]{5}")


def phone_numbers(text: str) -> Iterator[Span]:
    """Of all the kinds above."""
    if not _DIGITS.search(text):
        return iter(())
    lowered = small(text)
    return in_order((*_international(text), *_after_a_word(lowered), *_grouped(lowered)))


def _international(text: str) -> Iterator[Span]:
    for pattern in (_PLUS, _ZEROS):
        for found in pattern.finditer(text):
            yield _span(found)


def _after_a_word(lowered: str) -> Iterator[Span]:
    for start, _, found in after_each(_WORDS, lowered, _AFTER_A_WORD):
        whole_word = not (start and lowered[start - 1].isascii() and lowered[start - 1].isalpha())
        if whole_word and not _DATE.match(found[1]):
            yield _span(found, 1)


def _grouped(lowered: str) -> Iterator[Span]:
    for begins in _BEGINS.finditer(lowered):
        found = _GROUPED.match(lowered, begins.start())
        if found is None:
            continue
        span = _span(found)
        before = lowered[max(0, span.start - _BEFORE_CHARS) : span.start]
        if len(span.value) in NATIONAL_DIGITS and not _OTHER_NUMBER.search(before):
            yield span


def _span(found: re.Match[str], group: int = 0) -> Span:
    return Span(*found.span(group), _NOT_DIGITS.sub("", found[group]))
