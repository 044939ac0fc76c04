"""From pydantic's validation errors to lines a person can act on: where, which key, what is wrong, what was meant."""

import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Place:
    """Where a value stands in its file."""

    line: int
    """Of its key or list item, counted from 1."""
    raw: str | None = None
    """A scalar as it was written, without quotes."""
    children: dict[str | int, "Place"] = field(default_factory=dict)
    """By key or position."""

    def line_of(self, path: Path) -> int:
        """Return the line of a value below this one, or of the nearest mapping around it that the file has."""
        place = self
        for part in path:
            if part not in place.children:
                break
            place = place.children[part]
        return place.line


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file."""

    line: int
    path: Path
    """Keys and positions that lead to the value; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        path = ""
        for part in self.path:
            path += f"[{part}]" if isinstance(part, int) else f".{_key(part)}"
        return f"{self.line}: {path.removeprefix('.')}: {self.message}" if path else f"{self.line}: {self.message}"


def shorten(value: object) -> str:
    """Return a value as it may stand in a message: on one line, escaped, at most 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "this number"
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known word, or nothing when none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def explain(error: ValidationError, root: Place, model: type[BaseModel]) -> list[Problem]:
    """Turn a validation error into problems.

    A missing key is left out when an unknown key beside it looks like its misspelling: one fault, one line.

    Args:
        error: What pydantic raised for ``model``.
        root: The place of the whole document.
        model: The model the document was validated against.
    """
    problems: list[Problem] = []
    missing: list[Problem] = []
    misspelt: set[Path] = set()
    for detail in error.errors(include_url=False):
        path, place = _locate(detail, root)
        line = root.line_of(path)
        if detail["type"] == "missing":
            missing.append(Problem(line, path, "missing"))
        elif detail["type"] == "extra_forbidden":
            key, known = str(path[-1]), _known_keys(model, detail["loc"][:-1])
            near = get_close_matches(key, known, n=1)
            misspelt.update((*path[:-1], name) for name in near)
            hint = did_you_mean(key, known) or f"; known here: {', '.join(known)}"
            problems.append(Problem(line, path, f"unknown key{hint}"))
        else:
            problems.append(Problem(line, path, _message(detail, place)))
    return problems + [problem for problem in missing if problem.path not in misspelt]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w/-]{1,60}", key) else shorten(key)


def _locate(detail: ErrorDetails, root: Place) -> tuple[Path, Place]:
    """Return the path of an error in the file, and the place of the value (of the mapping around a missing one).

    pydantic's locations also hold names of union members and ``[key]``; these are no keys of the file.
    """
    place, path = root, list[str | int]()
    loc = detail["loc"]
    for part in loc:
        if part in place.children:
            place = place.children[part]
            path.append(part)
    if detail["type"] == "missing":
        path.append(loc[-1])
    return tuple(path), place


def _members(annotation: Any) -> Iterator[Any]:
    """Yield what a type may be, with ``Annotated`` and unions taken apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _known_keys(model: type[BaseModel], loc: Path) -> list[str]:
    """Return the keys a model knows at a location of pydantic's."""
    candidates: list[Any] = [model]
    for part in loc:
        inner: list[Any] = []
        for candidate in candidates:
            arguments = [argument for argument in get_args(candidate) if argument is not Ellipsis]
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                found = candidate.model_fields.get(str(part))
                inner.extend(_members(found.annotation) if found else [candidate])
            elif get_origin(candidate) in (dict, tuple, list):
                inner.extend(_members(arguments[-1]))
        candidates = inner
    return sorted({key for candidate in candidates for key in _fields(candidate)})


def _fields(candidate: Any) -> list[str]:
    return list(candidate.model_fields) if isinstance(candidate, type) and issubclass(candidate, BaseModel) else []


def _message(detail: ErrorDetails, place: Place) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    written = _written(value, place)
    match kind:
        case "enum" | "literal_error":
            known = re.findall(r"'([^']*)'", str(context["expected"]))
            hint = did_you_mean(value, known) if isinstance(value, str) else ""
            return f"{written} is not one of {', '.join(known)}{hint}"
        case "string_type" if isinstance(value, bool | int | float):
            return f"{place.raw} is read as {_shape(value)} where text is needed; put it in quotes"
        case "string_type":
            return f"text is needed here, not {_shape(value)}"
        case "float_type" | "int_type" | "finite_number":
            quoted = isinstance(value, str) and re.fullmatch(r"[-+.\deE]*\d[-+.\deE]*", value)
            return f"a number is needed here, not {written}{'; remove the quotes' if quoted else ''}"
        case "int_from_float":
            return f"{written} is not a whole number"
        case "bool_type":
            return f"true or false is needed here, not {written}"
        case "model_type" | "dict_type":
            return f"keys and values are needed here, not {_shape(value)}"
        case "tuple_type" | "list_type":
            return f"a list is needed here, not {_shape(value)}"
        case "too_short":
            return f"at least {context['min_length']} is needed here, not {context['actual_length']}"
        case "value_error":
            return str(context["error"])
        case "spec":
            return detail["msg"]
    message = detail["msg"].removeprefix("Input ")
    return f"{written} {message}" if message.startswith("should") else message[:1].lower() + message[1:]


def _written(value: object, place: Place) -> str:
    """Return a value as the file has it: text in quotes, numbers and words such as true without."""
    if isinstance(value, str) or place.raw is None or len(place.raw) > 60:
        return _shape(value)
    return place.raw or _shape(value)


def _shape(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case dict():
            return "keys and values"
        case list() | tuple():
            return "a list"
    return shorten(value)
