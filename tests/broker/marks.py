"""What must never be told: marked words, put wherever a ticket or a secret can stand, and looked for in all
that a process says."""

from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import orjson

from tests.broker.service_process import Member

PAGES = ("/metrics", "/", "/healthz", "/readyz")
SHOWN_CHARS = 600
EVENTS_CHARS = 200  # of the page's endless stream, its first part


@dataclass(frozen=True, slots=True)
class Marks:
    """Words that stand nowhere else, by what they are. They are letters only: such words would pass for a
    provider's code."""

    words: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, what: str) -> str:
        if what not in self.words:
            letters = uuid4().hex.translate({ord(digit): chr(ord(digit) + 64) for digit in "0123456789"})
            self.words[what] = f"mark{letters[:12]}"
        return self.words[what]

    def found_in(self, said: str) -> list[str]:
        """Which of them were said, in whatever case, and in which line."""
        lines = said.lower().splitlines()
        told = {what: [line for line in lines if word in line] for what, word in self.words.items()}
        return [f"{what}: {lines[0][:SHOWN_CHARS]}" for what, lines in told.items() if lines]

    def ticket(self, number: int, body: str = "", **more: object) -> bytes:
        """A ticket that is marked everywhere but in its id."""
        marked = {
            "id": number,
            "subject": f"Help {self['subject']} please",
            "body": f"Nothing happens {self['body']} when I press button {body or number}",
            "tags": [self["tag"]],
            "priority": "normal",
            "channel": self["channel"],
            "unknown": {"field": self["unknown field"]},
        }
        return orjson.dumps(marked | more)

    @property
    def key(self) -> bytes:
        """A record's key."""
        return self["key"].encode()

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """A record's headers."""
        return [("trace", self["header"].encode()), (self["header name"], b"1")]


async def all_that_is_said(member: Member) -> str:
    """The process's output and its pages."""
    pages = [(await member.get(path)).text for path in PAGES]
    return "\n".join([member.log_file.read_text(), *pages, await _events(member)])


async def _events(member: Member) -> str:
    """The beginning of what the page is told; nothing where there is no such stream."""
    said = ""
    async with httpx.AsyncClient() as client, client.stream("GET", f"{member.http}/events") as response:
        async for text in response.aiter_text():
            said += text
            if len(said) >= EVENTS_CHARS:
                break
    return said
