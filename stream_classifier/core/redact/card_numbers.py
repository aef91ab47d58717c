"""Numbers of payment cards: a card network's first digits and length, and the check digit (Luhn).

A random number of the right length passes in 1 to 3 cases of 100. What stands before it is not asked: to mask
an order number costs little, to send a card number is a breach of the card industry's rules.
"""

import re
from collections.abc import Iterator

from stream_classifier.core.redact.span import Span

_GAP = r"(?:[ ]?[.\-/][ ]?|[ ]{1,2})"
_NUMBER = re.compile(
    r"[0-9](?<![A-Za-z0-9_.][0-9])(?:"  # the first digit, then what stands before it: quicker
    r"[0-9]{12,18}"
    rf"|[0-9]{{3}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{1,4}}(?:{_GAP}[0-9]{{3}})?"
    rf"|[0-9]{{3}}{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4,5}}"
    rf"|[0-9]{{7}}{_GAP}[0-9]{{8}}"
    r")(?![A-Za-z0-9_])"
)
_FIRST_GROUP = re.compile(r"\d+")
_NOT_DIGITS = re.compile(r"\D+")

_NETWORKS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12,15}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}"  # Maestro
    r"|220[0-4]\d{12}"  # Mir
    r"|6(?:0|5|52)\d{13,14}"  # RuPay
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the digit's double, its digits added


def card_numbers(text: str) -> Iterator[Span]:
    """Numbers in one, or in the groups in which they stand on cards."""
    at = 0
    while found := _NUMBER.search(text, at):
        digits = _NOT_DIGITS.sub("", found[0])
        if _NETWORKS.fullmatch(digits) and _checks(digits):
            at = found.end()
            yield Span(found.start(), at, digits)
        else:  # the groups may be one too early
            first = _FIRST_GROUP.match(text, found.start())
            at = first.end() if first else found.end()


def _checks(digits: str) -> bool:
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0
