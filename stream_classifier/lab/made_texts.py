"""The texts that made tickets are composed from, read from `made_texts.yaml` beside this file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What one kind of customer writes, with slots in braces; without a subject, as it is in chats."""

    language: str
    body: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Everything in the file: the lists that slots are drawn from, and the templates by what they are for."""

    slots: Mapping[str, Sequence[str]]
    tenants: Sequence[str]
    english: tuple[Template, ...]
    other_languages: tuple[Template, ...]
    urgent: tuple[Template, ...]
    storms: tuple[Template, ...]
    follow_ups: Mapping[str, Sequence[str]]


@cache
def read_texts() -> Texts:
    """The file's content; it is part of the package, so a fault in it is a bug."""
    raw: dict[str, Any] = yaml.safe_load((files(__package__) / "made_texts.yaml").read_text("utf-8"))
    kinds = ("english", "other_languages", "urgent", "storms")
    return Texts(**raw | {kind: tuple(Template(**template) for template in raw[kind]) for kind in kinds})
