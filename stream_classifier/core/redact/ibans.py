"""Bank account numbers: known by their country's length and their check digits (ISO 13616, mod 97)."""

import re
from collections.abc import Iterator

from stream_classifier.core.redact.span import Span

# Characters of each country's, as SWIFT's registry lists them.
_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL FK SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH CR HR LI LV",
    22: "BG BH DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV HN",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_CHARS = {country: chars for chars, names in _COUNTRIES.items() for country in names.split()}

# From the first check digit on, which is rarer than letters are; the two letters stand before it.
_BEGINS = re.compile(
    r"[0-9](?:(?<=(?<![A-Za-z0-9])[A-Za-z]{2}[0-9])|(?<=(?<![A-Za-z0-9])[A-Za-z]{2}[ ][0-9]))[ ]?[0-9]"
    r"(?=[ .\-]?[A-Za-z0-9])"
)
_REST = {chars: re.compile(rf"(?:[ .\-]?[A-Za-z0-9]){{{chars - 4}}}(?![A-Za-z0-9])") for chars in _COUNTRIES}
_NEITHER = re.compile(r"[^A-Za-z0-9]+")


def ibans(text: str) -> Iterator[Span]:
    """Numbers in groups or in one, in capitals or not."""
    until = 0
    for begins in _BEGINS.finditer(text):
        letters_end = begins.start() - (text[begins.start() - 1] == " ")
        start = letters_end - 2
        chars = _CHARS.get(text[start:letters_end].upper())
        rest = _REST[chars].match(text, begins.end()) if chars and start >= until else None
        if rest is None:
            continue
        number = _NEITHER.sub("", text[start : rest.end()]).upper()
        if _checks(number):
            until = rest.end()
            yield Span(start, until, number)


def _checks(number: str) -> bool:
    turned = number[4:] + number[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1
