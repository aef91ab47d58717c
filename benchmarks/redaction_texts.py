"""Made sentences with something to mask in them, and others with what only looks like it.

Rules
-----
* Seeded: the same seed gives the same sentences. No number or address is anybody's but by chance; domains are
  those that are kept for examples.
* Each sentence that has something says where it stands, after the invisible characters are gone.
* What cannot be found by its form is among them, too, in a group of its own.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits

import yaml

BASE62 = ascii_letters + digits

INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\ufeff"
BLANKS = "\u00a0\u202f\u2009"
DASHES = "\u2011\u2013\u2212"
ARABIC_ZERO, FULL_WIDTH_ZERO = 0x0660, 0xFF10
NETWORKS = (  # first digits and length of cards
    *(("4", 16), ("51", 16), ("5412", 16), ("2221", 16), ("37", 15)),
    *(("6011", 16), ("3566", 16), ("36", 14), ("6212", 19)),
)
IBANS = (  # what follows the check digits: digits and letters
    *("DE" + "#" * 18, "FR" + "#" * 10 + "A" * 11 + "##", "GB" + "AAAA" + "#" * 14, "ES" + "#" * 20),
    *("NO" + "#" * 11, "IT" + "A" + "#" * 22, "NL" + "AAAA" + "#" * 10, "PL" + "#" * 24, "CH" + "#" * 17),
    *("MT" + "AAAA" + "#" * 23, "TR" + "#" * 22, "BR" + "#" * 23 + "A#", "SA" + "#" * 20, "BE" + "#" * 12),
)
SHAPES: Mapping[str, Sequence[str]] = yaml.safe_load(
    Path(__file__).with_name("redaction_texts.yaml").read_text("utf-8")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A sentence as it was written. What is to be masked stands at `start` to `end` of the cleaned text;
    both are 0 where there is nothing. `group` is what is told together of a kind."""

    text: str
    kind: str
    group: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A value as it is written, as it is without invisible characters, and what stands around it."""

    raw: str
    clean: str
    before: str = ""
    after: str = ""


Maker = Callable[[Random], Written]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Values of a kind that are told together, and the sentences that they stand in."""

    kind: str
    name: str
    make: Maker
    sentences: Sequence[str]


def made_sentences(each: int, seed: int) -> Iterator[Made]:
    """`each` of every group that holds something."""
    rng = Random(seed)
    for group in GROUPS:
        for _ in range(each):
            yield _sentence(group, group.make(rng), rng.choice(group.sentences))


def made_lookalikes(number: int, seed: int) -> Iterator[Made]:
    """Sentences with nothing to mask."""
    rng = Random(seed + 1)
    for place in range(number):
        looks = _filled(SHAPES["lookalikes"][place % len(SHAPES["lookalikes"])], rng)
        yield Made(text=rng.choice(SHAPES["anything"]).format(looks), kind="none", group="looks like it")


def _sentence(group: Group, value: Written, sentence: str) -> Made:
    before, _, after = sentence.partition("{}")
    before, after = before + value.before, value.after + after
    return Made(
        text=f"{before}{value.raw}{after}",
        kind=group.kind,
        group=group.name,
        start=len(before),
        end=len(before) + len(value.clean),
    )


def _plain(value: str) -> Written:
    return Written(raw=value, clean=value)


def _filled(shape: str, rng: Random) -> str:
    return "".join(rng.choice("123456789") if char == "#" else char for char in shape)


def _chars(rng: Random, alphabet: str, number: int) -> str:
    return "".join(rng.choices(alphabet, k=number))


def _email(rng: Random) -> Written:
    before, after = rng.choice((("", ""), ("<", ">"), ("mailto:", ""), ("(", ")"), ("", "."), ('"', '"')))
    address = f"{rng.choice(SHAPES['email_names'])}@{rng.choice(SHAPES['email_hosts'])}"
    return Written(raw=address, clean=address, before=before, after=after)


def _disguised_email(rng: Random) -> Written:
    name, host = rng.choice(("anna", "j.smith", "li_wei")), rng.choice(("example", "firma-example"))
    if rng.random() < 0.3:
        return _split(f"{name}@{host}.com", rng)
    return _plain(rng.choice(SHAPES["disguised_email"]).format(name=name, host=host))


def _split(value: str, rng: Random) -> Written:
    """With something invisible in it."""
    at = rng.randrange(1, len(value))
    return Written(raw=f"{value[:at]}{rng.choice(INVISIBLE)}{value[at:]}", clean=value)


def _disguised(make: Callable[[Random], str]) -> Maker:
    """In other digits, with other blanks, or with something invisible among them."""

    def made(rng: Random) -> Written:
        value, way = make(rng), rng.randrange(4)
        if way == 3:
            return _split(value, rng)
        if way == 2:
            return _plain(value.replace(" ", rng.choice(BLANKS)).replace("-", rng.choice(DASHES)))
        zero = FULL_WIDTH_ZERO if way else ARABIC_ZERO
        return _plain("".join(chr(zero + int(char)) if char in digits else char for char in value))

    return made


def _phone(*names: str) -> Callable[[Random], str]:
    shapes = [shape for name in names for shape in SHAPES[name]]
    return lambda rng: _filled(rng.choice(shapes), rng)


def _card(rng: Random) -> str:
    first, length = rng.choice(NETWORKS)
    number = first + _chars(rng, digits, length - len(first) - 1)
    number += next(digit for digit in digits if _luhn(number + digit) == 0)
    return _in_groups(number, rng.choice(("", " ", "-", " ")))


def _in_groups(number: str, gap: str) -> str:
    if len(number) in (14, 15):
        return gap.join((number[:4], number[4:10], number[10:]))
    return gap.join(number[at : at + 4] for at in range(0, len(number), 4))


def _luhn(number: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 * (doubled > 9)
    return total % 10


def _iban(rng: Random) -> str:
    shape = rng.choice(IBANS)
    rest = "".join(rng.choice(digits if char == "#" else ascii_uppercase) for char in shape[2:])
    check = 98 - int("".join(str(int(char, 36)) for char in f"{rest}{shape[:2]}00")) % 97
    number = f"{shape[:2]}{check:02}{rest}"
    gap = rng.choice(("", " ", " ", "-"))
    number = gap.join(number[at : at + 4] for at in range(0, len(number), 4))
    return number.lower() if rng.random() < 0.1 else number


def _ip(rng: Random) -> str:
    if rng.random() < 0.6:
        first = rng.choice((10, 192, 172, 8, 85, 203, 198, 51))
        return f"{first}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    address = IPv6Address((0x20010DB8 << 96) | rng.getrandbits(rng.choice((16, 32, 64, 96))))
    return rng.choice((address.compressed, address.exploded, address.compressed.upper()))


def _key(rng: Random) -> str:
    makers: tuple[Callable[[], str], ...] = (
        lambda: "AK" + "IA" + _chars(rng, ascii_uppercase + digits, 16),
        lambda: "gh" + "p_" + _chars(rng, BASE62, 36),
        lambda: "sk" + "-proj-" + _chars(rng, BASE62, 48),
        lambda: "sk" + "_live_" + _chars(rng, BASE62, 24),
        lambda: (
            "xo"
            + "xb-"
            + "-".join((_chars(rng, digits, 11), _chars(rng, digits, 12), _chars(rng, BASE62, 24)))
        ),
        lambda: "AI" + "za" + _chars(rng, BASE62 + "_-", 35),
        lambda: "S" + "G." + _chars(rng, BASE62, 22) + "." + _chars(rng, BASE62, 43),
        lambda: "gl" + "pat-" + _chars(rng, BASE62, 20),
        lambda: "np" + "m_" + _chars(rng, BASE62, 36),
        lambda: _chars(rng, digits, 9) + ":A" + "A" + _chars(rng, BASE62, 33),
        lambda: "shp" + "at_" + _chars(rng, hexdigits.lower()[:16], 32),
    )
    return rng.choice(makers)()


def _token(rng: Random) -> str:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = part({"sub": str(rng.randrange(10**9)), "iat": rng.randrange(10**9)})
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{claims}.{_chars(rng, BASE62 + '_-', 43)}"


def _private_key(rng: Random) -> str:
    kind = rng.choice(("RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""))
    lines = "\n".join(_chars(rng, BASE62 + "+/", 64) for _ in range(rng.randrange(3, 27)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _random_run(rng: Random) -> str:
    return _chars(rng, BASE62, rng.randrange(32, 65))


def _password(rng: Random) -> str:
    words = ("walrus", "Sommer", "dragon", "Berlin", "qwerty", "montagne", "zima")
    return (
        rng.choice(words)
        + rng.choice(("2026!", "_77", "#1", "1234", "$x", "99"))
        + _chars(rng, ascii_lowercase, 2)
    )


def _groups() -> Iterator[Group]:
    def group(
        kind: str, name: str, make: Maker | Callable[[Random], str], sentences: str = "anything"
    ) -> Group:
        def made(rng: Random) -> Written:
            value = make(rng)
            return _plain(value) if isinstance(value, str) else value

        return Group(kind=kind, name=name, make=made, sentences=SHAPES[sentences])

    national = _phone("grouped", "ungrouped")
    yield group("email", "as usual", _email)
    yield group("email", "disguised", _disguised_email)
    yield group("phone", "international", _phone("international"))
    yield group("phone", "international, disguised", _disguised(_phone("international")))
    yield group("phone", "national, in a grouping of its own", _phone("grouped"))
    yield group("phone", "national, after a word for it", national, "telephone")
    yield group("phone", UNTOLD, _phone("ungrouped"))
    yield group("card", "as usual", _card)
    yield group("card", "disguised", _disguised(_card))
    yield group("iban", "as usual", _iban)
    yield group("iban", "disguised", _disguised(_iban))
    yield group("ip", "versions 4 and 6", _ip)
    yield group("secret", "vendors' keys", _key)
    yield group("secret", "JSON web tokens", _token)
    yield group("secret", "private keys", _private_key)
    yield group("secret", "in headers, URLs, settings", _random_run, "header")
    yield group("secret", "random runs alone", _random_run)
    yield group("secret", "passwords after a word for one", _password, "password")


UNTOLD = "national, nothing to tell it by"
"""What no form gives away: the documentation says so."""
GROUPS = tuple(_groups())
