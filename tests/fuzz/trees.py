"""Mutations of a decoded payload: each leaves one that `json` can write, allowed or not."""

import copy
from collections.abc import Callable
from random import Random
from typing import Any

import orjson

from tests.fuzz.texts import NAMES, text, value

Tree = Any
_Place = tuple[Any, Any]  # a container, and the name or the number of one of its children


def mutated(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    """One to four mutations of a copy; `others` lend parts of themselves."""
    tree = copied(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        tree = rng.choice(_MUTATIONS)(rng, tree, others)
    return tree


def copied(tree: Tree) -> Tree:
    """A copy, of what JSON allows; a hundred times as fast as `deepcopy`."""
    return orjson.loads(orjson.dumps(tree))


def _place(rng: Random, tree: Tree) -> _Place | None:
    """Any child's place, those near the top as likely as all the others."""
    container = tree
    found: _Place | None = None
    while isinstance(container, dict | list) and container:
        names = list(container) if isinstance(container, dict) else range(len(container))
        found = container, rng.choice(names)
        if rng.random() < 0.5:
            break
        container = container[found[1]]
    return found


def _replace(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    place = _place(rng, tree)
    if place is None:
        return value(rng)
    container, name = place
    container[name] = value(rng)
    return tree


def _remove(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    place = _place(rng, tree)
    if place is not None:
        container, name = place
        del container[name]
    return tree


def _lengthen(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    """More of a text: the rest of the record stays a ticket, and its text is hostile."""
    place = _place(rng, tree)
    if place is not None and isinstance(place[0][place[1]], str):
        container, name = place
        container[name] = f"{container[name]} {text(rng)}"
    return tree


def _insert(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    place = _place(rng, tree)
    container = place[0] if place is not None else tree
    if isinstance(container, dict):
        container[rng.choice(NAMES)] = value(rng)
    elif isinstance(container, list):
        container.insert(rng.randrange(len(container) + 1), value(rng))
    return tree


def _rename(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    place = _place(rng, tree)
    if place is not None and isinstance(place[0], dict):
        container, name = place
        container[rng.choice(NAMES)] = container.pop(name)
    return tree


def _wrap(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    place = _place(rng, tree)
    if place is not None:
        container, name = place
        inner = container[name]
        container[name] = [inner] if rng.random() < 0.5 else {rng.choice(NAMES): inner}
    return tree


def _other_type(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    """The same content as another type: numbers as text, text as a list of characters."""
    place = _place(rng, tree)
    if place is not None:
        container, name = place
        inner = container[name]
        container[name] = list(inner) if isinstance(inner, str | dict) else str(inner)
    return tree


def _nulls(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    """Null in every field."""
    return dict.fromkeys(tree) if isinstance(tree, dict) else [None]


def _graft(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    """Another format's part, or all of it at the top: names of two helpdesks in one object."""
    other = copied(rng.choice(others))
    if isinstance(tree, dict) and isinstance(other, dict) and rng.random() < 0.5:
        return other | tree if rng.random() < 0.5 else tree | other
    place = _place(rng, tree)
    if place is not None:
        container, name = place
        container[name] = other
    return tree


def _envelope(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    return rng.choice(ENVELOPES)(rng, tree)


def _array(rng: Random, tree: Tree, others: tuple[Tree, ...]) -> Tree:
    """Several at once, the same one twice, others between, perhaps what is no ticket."""
    more = [copied(rng.choice(others)) for _ in range(rng.randrange(4))]
    spoilt = [value(rng)] if rng.random() < 0.3 else []
    array = [tree, *more, *spoilt, *([copy.deepcopy(tree)] if rng.random() < 0.3 else [])]
    rng.shuffle(array)
    return array


_MUTATIONS: tuple[Callable[[Random, Tree, tuple[Tree, ...]], Tree], ...] = (
    _replace,
    _replace,
    _replace,
    _lengthen,
    _lengthen,
    _remove,
    _remove,
    _insert,
    _rename,
    _wrap,
    _other_type,
    _graft,
    _envelope,
    _array,
    _nulls,
)

ENVELOPES: tuple[Callable[[Random, Tree], Tree], ...] = (
    lambda rng, tree: {"specversion": "1.0", "id": "e", "source": "/desk", "type": "t", "data": tree},
    lambda rng, tree: {"schema": None, "payload": tree},
    lambda rng, tree: {
        "op": rng.choice("crudtm"),
        "before": None,
        "after": rng.choice((tree, None)),
        "source": {},
        "ts_ms": 1,
    },
    lambda rng, tree: {
        "op": "c",
        "after": {"aggregateid": "1", "aggregatetype": "t", "payload": tree},
        "source": {},
        "ts_ms": 1,
    },
    lambda rng, tree: {"result": tree},
)
"""What connectors wrap around a payload."""
