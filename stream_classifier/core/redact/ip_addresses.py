"""Addresses of hosts, versions 4 and 6, as the standard library reads them.

Rules
-----
* Loopback, the unspecified address and netmasks name nobody and stay: they tell what is wrong.
* Four numbers after a word for a version or a section are one. Those that end in 0 are one, too, or name a
  network.
* A port, a zone and a prefix's length stay.
"""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from stream_classifier.core.redact.span import Span

_V4 = re.compile(
    r"[0-9](?<![A-Za-z0-9_.][0-9])(?<![0-9]-[0-9])[0-9]{0,2}+(?:\.[0-9]{1,3}+){3}(?![A-Za-z0-9_]|\.[0-9]|-[0-9])"
)
_V6 = re.compile(
    r"[0-9A-Fa-f:](?<![A-Za-z0-9_:.].)(?<=(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:).)"
    r"[0-9A-Fa-f:]{2,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![A-Za-z0-9_:]|\.\d)"
)
_VERSION_BEFORE = re.compile(
    r"(?<![a-z])(?:version|versión|versão|версия|ver|build|release|update|firmware|driver|runtime|sdk|nuget"
    r"|package|section|chapter|clause|article|abschnitt|kapitel|v|§)[ .:=\"'(]{0,3}$",
    re.IGNORECASE,
)
_BEFORE_CHARS = 16  # room for the longest of these words and what may stand between
COLONS = 7  # of an address that is written out
_OCTET_PAIRS = re.compile(r"(?:[0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}")  # a hardware address of eight bytes


def ip_addresses(text: str) -> Iterator[Span]:
    """Of both versions, in the text's order."""
    longer = list(_of_version_6(text)) if "::" in text or text.count(":") >= COLONS else []
    ends = {span.end for span in longer}  # `::ffff:192.0.2.1` holds one of version 4
    shorter = (span for span in _of_version_4(text) if span.end not in ends)
    return iter(sorted((*longer, *shorter)))


def _of_version_4(text: str) -> Iterator[Span]:
    for found in _V4.finditer(text):
        octets = [int(number) for number in found[0].split(".")]
        if max(octets) > 255 or _names_nobody(octets) or _is_a_version(text, found.start(), octets):
            continue
        yield Span(found.start(), found.end(), str(IPv4Address(bytes(octets))))


def _names_nobody(octets: list[int]) -> bool:
    return octets[0] in (0, 127, 255)


def _is_a_version(text: str, start: int, octets: list[int]) -> bool:
    before = text[max(0, start - _BEFORE_CHARS) : start]
    return octets[3] == 0 or _VERSION_BEFORE.search(before) is not None


def _of_version_6(text: str) -> Iterator[Span]:
    for found in _V6.finditer(text):
        written = found[0]
        end = found.end()
        if written.endswith(":") and not written.endswith("::"):  # the sentence's colon
            written, end = written[:-1], end - 1
        address = _address(written)
        if address is None or address.is_loopback or address.is_unspecified:
            continue
        if any(char.isdigit() for char in written) or written.count(":") >= COLONS:
            yield Span(found.start(), end, address.compressed)


def _address(written: str) -> IPv6Address | None:
    if _OCTET_PAIRS.fullmatch(written):
        return None
    try:
        return IPv6Address(written)
    except AddressValueError:
        return None
