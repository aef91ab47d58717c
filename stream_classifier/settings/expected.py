"""What would be right, in words, read from the settings' own types.

pydantic's messages are not shown: some repeat what was written, and few say what would be right.
"""

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stream_classifier.settings.kinds import Bytes, Says, format_bytes
from stream_classifier.settings.location import Loc, dotted

NOUNS: Mapping[object, str] = {
    bool: "`true` or `false`",
    str: "text (a number in quotes)",
    int: "a whole number",
    float: "a number",
    Path: "a file's path",
    SecretStr: "text (a secret)",
}
IS_BYTES = next(part for part in get_args(Bytes) if isinstance(part, Says))


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting below a model with its path, groups opened, in the order in which they stand."""
    for name, field in model.model_fields.items():
        if is_group(field.annotation):
            yield from leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def is_group(annotation: object) -> TypeGuard[type[BaseModel]]:
    """True for a settings group, as against a value."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def is_mapping(field: FieldInfo) -> bool:
    """True for a setting whose keys are the operator's own, and for the taxonomy."""
    return get_origin(field.annotation) is dict or is_dataclass(field.annotation)


def expected(field: FieldInfo) -> str:
    """What a setting takes: "a whole number from 1 to 90"."""
    annotation, metadata = _opened(field)
    says = next((part for part in metadata if isinstance(part, Says)), None)
    if says is None and get_origin(annotation) is Literal:
        return _one_of(get_args(annotation))
    noun = says.noun if says else NOUNS.get(annotation, "a group of keys")
    return noun + _bounds(metadata, as_bytes=says == IS_BYTES)


def sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with the value that pydantic refused, and what would be right."""
    if error["type"] == "extra_forbidden":
        return unknown(error["loc"], model)
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    field = field_at(error["loc"], model)
    must = f"must be {expected(field)}" if field else "is not what belongs here"
    return f"is missing; {must}" if error["type"] == "missing" else must


def unknown(loc: Loc, model: type[BaseModel]) -> str:
    """An unknown key, with the setting that was probably meant: a sibling, else a like name elsewhere."""
    paths = [path for path, _ in leaves(model)]
    written = dotted(loc)
    if str(loc[-1]) in paths:
        return f"is written as nested keys, not with dots: {_nested(str(loc[-1]))}"
    same_name = [path for path in paths if path.rpartition(".")[2] == loc[-1]]
    near = same_name or get_close_matches(written, paths, n=1, cutoff=0.75)
    return "is not a setting; " + (
        f"did you mean `{near[0]}`?" if near else "take it out, or see the reference"
    )


def field_at(loc: Loc, model: type[BaseModel]) -> FieldInfo | None:
    """The field, or the element of a field, that a location names; None where there is none."""
    field: FieldInfo | None = FieldInfo.from_annotation(model)
    for part in loc:
        field = _inside(field, part) if field else None
    return field


def _inside(field: FieldInfo, part: int | str) -> FieldInfo | None:
    annotation, _ = _opened(field)
    if is_group(annotation):
        return annotation.model_fields.get(str(part))
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and isinstance(part, int):
        return FieldInfo.from_annotation(arguments[0])
    return FieldInfo.from_annotation(arguments[1]) if get_origin(annotation) is dict else None


def _opened(field: FieldInfo) -> tuple[Any, list[Any]]:
    """Type and metadata of a field; of one that may also be None, those of what it is else."""
    if get_origin(field.annotation) not in (Union, types.UnionType):
        return field.annotation, field.metadata
    other = next(part for part in get_args(field.annotation) if part is not type(None))
    inner = FieldInfo.from_annotation(other)
    return inner.annotation, [*inner.metadata, *field.metadata]


def _bounds(metadata: Sequence[object], *, as_bytes: bool) -> str:
    """The limits in words; of a kind's own and the field's, the narrower."""
    at_least, above = _limits(metadata, Ge, "ge"), _limits(metadata, Gt, "gt")
    at_most = _limits(metadata, Le, "le")
    shown: Callable[[Any], object] = format_bytes if as_bytes else str
    if at_least and at_most:
        return f" from {shown(max(at_least))} to {shown(min(at_most))}"
    words = [f"above {shown(max(above))}"] if above else []
    words += [f"at least {shown(max(at_least))}"] if at_least else []
    words += [f"at most {shown(min(at_most))}"] if at_most else []
    return "".join(f", {word}" for word in words)


def _limits(metadata: Sequence[object], kind: type, name: str) -> list[Any]:
    return [getattr(part, name) for part in metadata if isinstance(part, kind)]


def _one_of(values: Sequence[object]) -> str:
    *first, last = (f"`{value}`" for value in values)
    return f"{', '.join(first)} or {last}" if first else last


def _nested(path: str) -> str:
    group, _, rest = path.partition(".")
    return f"`{group}:` and below it, indented, `{rest}:`"
