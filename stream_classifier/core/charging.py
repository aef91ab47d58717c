"""What a provider counts a call as, in tokens: found out by holding its headers against each rule.

Providers differ, and few say how: OpenAI counts the larger of prompt and reply budget when a call comes
in, others prompt and budget together, others what was used in the end. A pace that assumes too much
leaves quota unused; one that assumes too little is refused. So each rule keeps a mirror of the provider's
bucket, and the rule whose mirror agrees best with what the headers say is left is the one in use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FORGET = 0.9  # of the old disagreement at each response: a wrong guess is dropped after a few
PULL = 0.5  # how far a mirror is drawn to what the headers say, so that errors do not add up


class Rule(StrEnum):
    """What is counted."""

    USED = "used"  # prompt and reply, as `usage` says in the end
    LARGER = "larger"  # the larger of prompt and reply budget
    RESERVED = "reserved"  # prompt and reply budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A call's tokens: its prompt, the reply it was allowed, the reply it had or is expected to have."""

    prompt: int
    budget: int
    reply: int


CHARGES: Mapping[Rule, Callable[[Size], int]] = {
    Rule.USED: lambda size: size.prompt + size.reply,
    Rule.LARGER: lambda size: max(size.prompt, size.budget),
    Rule.RESERVED: lambda size: size.prompt + size.budget,
}


@dataclass(slots=True)
class Mirror:
    """The provider's bucket, if it counted by one rule; `off` is how badly that agrees."""

    level: float = 0.0
    off: float = 0.0


@dataclass(slots=True)
class Charging:
    """Finds the rule. Until headers say otherwise it is the careful one of what is used in the end."""

    rule: Rule = Rule.USED
    _mirrors: dict[Rule, Mirror] = field(default_factory=lambda: {rule: Mirror() for rule in Rule})
    _most_left: float = 0.0
    _at: float = 0.0

    def charge(self, size: Size) -> int:
        """What the provider counts for a call, as far as we know."""
        return CHARGES[self.rule](size)

    def sent(self, size: Size, share: float, now: float, rate_per_s: float) -> None:
        """A call goes out, at the account's rate of tokens a second; the other replicas, whose share is the
        rest, are taken to do as we do."""
        self._refill(now, rate_per_s)
        for rule, mirror in self._mirrors.items():
            mirror.level -= CHARGES[rule](size) / share

    def refused(self, size: Size, share: float) -> None:
        """The call was not let in: it was not counted."""
        for rule, mirror in self._mirrors.items():
            mirror.level += CHARGES[rule](size) / share

    def left(self, tokens: int, now: float, rate_per_s: float) -> None:
        """The provider says how many tokens are left."""
        self._most_left = max(self._most_left, tokens, 1)
        self._refill(now, rate_per_s)
        for mirror in self._mirrors.values():
            error = (mirror.level - tokens) / self._most_left
            mirror.off = FORGET * mirror.off + error * error
            mirror.level += PULL * (tokens - mirror.level)
        self.rule = min(self._mirrors, key=lambda rule: self._mirrors[rule].off)

    def _refill(self, now: float, rate_per_s: float) -> None:
        for mirror in self._mirrors.values():
            mirror.level = min(mirror.level + (now - self._at) * rate_per_s, self._most_left)
        self._at = now
