"""YAML files, read as plain data that remembers its lines, and validated against a model.

Scalars follow the core schema of YAML 1.2: ``on``, ``yes`` and ``12:30`` are text, ``1e3`` is a number. Tags that would
make anything but plain data are refused. Size, depth and number of values are bounded, so no file can exhaust memory.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.spec.yaml_problems import Place, Problem, explain, shorten

MAX_BYTES = 262_144
MAX_DEPTH = 24
MAX_VALUES = 20_000

Model = TypeVar("Model", bound=BaseModel)
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

_TAG = "tag:yaml.org,2002:"


class _StopReadingError(Exception):
    """The file is wrong in a way that makes the rest of it unreadable."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, (), message)


class _Composer(yaml.SafeLoader):
    """PyYAML's parser up to its node tree, with bounded depth and the scalars of YAML 1.2."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - replaces PyYAML's table of YAML 1.1

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _StopReadingError(self.line + 1, f"nested deeper than {MAX_DEPTH} levels")
        node = super().compose_node(parent, index)  # type: ignore[arg-type]
        self._depth -= 1
        return node


_NUMBER_STARTS = list("-+.0123456789")
_Composer.add_implicit_resolver(f"{_TAG}null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Composer.add_implicit_resolver(f"{_TAG}bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Composer.add_implicit_resolver(f"{_TAG}int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), _NUMBER_STARTS)
_Composer.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    _NUMBER_STARTS,
)


def _scalar(tag: str, text: str) -> Plain:
    """Return the value of a scalar; raises ValueError or KeyError where tag and text do not fit."""
    match tag.removeprefix(_TAG):
        case "str":
            text.encode()  # a lone surrogate is no text
            return text
        case "null":
            return None
        case "bool":
            return {"true": True, "false": False}[text.lower()]
        case "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        case "float":
            return float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", text.lower()))
    raise ValueError(f"the tag {tag} is not allowed here")


@dataclass
class _Builder:
    """Turns a node tree into plain data and the lines of its values, and collects what is wrong on the way."""

    problems: list[Problem] = field(default_factory=list)
    _values: int = 0
    _open: list[yaml.Node] = field(default_factory=list)

    def build(self, node: yaml.Node, line: int, path: tuple[str | int, ...]) -> tuple[Plain, Place]:
        """Return the data of a node, and its place.

        Args:
            node: A node of PyYAML's tree.
            line: Line of its key or list item, counted from 1.
            path: Keys and positions that lead to it.

        Raises:
            _StopReadingError: A node contains itself, or aliases multiply it beyond the bounds.
        """
        self._enter(node, line)
        place = Place(line)
        data: Plain
        if isinstance(node, yaml.ScalarNode):
            place.raw = node.value
            data = self._build_scalar(node, line, path)
        elif isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            data = []
            for position, item in enumerate(node.value):
                value, place.children[position] = self.build(item, item.start_mark.line + 1, (*path, position))
                data.append(value)
        elif isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            data = {}
            for name, (key, item) in self._pairs(node, path).items():
                data[name], place.children[name] = self.build(item, key.start_mark.line + 1, (*path, name))
        else:
            self.problems.append(Problem(line, path, f"the tag {shorten(node.tag)} is not allowed here"))
            data = None
        self._open.pop()
        return data, place

    def _enter(self, node: yaml.Node, line: int) -> None:
        if any(node is outer for outer in self._open):
            raise _StopReadingError(line, "an alias here refers to the value that contains it")
        self._values += 1
        if self._values > MAX_VALUES:
            raise _StopReadingError(line, f"more than {MAX_VALUES} values, those that aliases repeat included")
        if len(self._open) >= MAX_DEPTH:
            raise _StopReadingError(line, f"nested deeper than {MAX_DEPTH} levels")
        self._open.append(node)

    def _build_scalar(self, node: yaml.ScalarNode, line: int, path: tuple[str | int, ...]) -> Plain:
        try:
            return _scalar(node.tag, node.value)
        except (ValueError, KeyError):
            kind = node.tag.removeprefix(_TAG)
            text = f"{shorten(node.value)} cannot be read as {shorten(kind)}"
            self.problems.append(Problem(line, path, text))
            return None

    def _pairs(
        self, node: yaml.MappingNode, path: tuple[str | int, ...]
    ) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
        """Return the entries of a mapping; those merged in with ``<<`` yield to its own."""
        pairs: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.style is None:
                merged.extend(value.value if isinstance(value, yaml.SequenceNode) else [value])
            elif not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem(line, path, "a key must be text, not a list or a mapping"))
            elif not self._is_text(key):
                self.problems.append(Problem(line, path, f"the key {shorten(key.value)} is not text; put it in quotes"))
            elif key.value in pairs:
                first = pairs[key.value][0].start_mark.line + 1
                self.problems.append(Problem(line, (*path, key.value), f"duplicate key; it is already in line {first}"))
            else:
                pairs[key.value] = (key, value)
        for source in merged:
            for name, pair in self._merged_pairs(source, path).items():
                pairs.setdefault(name, pair)
        return pairs

    def _is_text(self, key: yaml.ScalarNode) -> bool:
        try:
            return isinstance(_scalar(key.tag, key.value), str)
        except (ValueError, KeyError):
            return False

    def _merged_pairs(
        self, source: yaml.Node, path: tuple[str | int, ...]
    ) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
        line = source.start_mark.line + 1
        if not isinstance(source, yaml.MappingNode):
            self.problems.append(Problem(line, path, "'<<' merges mappings only"))
            return {}
        self._enter(source, line)
        pairs = self._pairs(source, path)
        self._open.pop()
        return pairs


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A YAML file as it was read, before a model gives it a meaning."""

    name: str
    """What error lines begin with: the path as it was given."""
    text: str
    sha256: str
    """Of the file's bytes, hexadecimal."""

    @classmethod
    def read(cls, path: Path) -> "YamlDocument":
        """Read a file.

        Raises:
            SpecError: It cannot be read, is larger than ``MAX_BYTES`` or is not UTF-8.
        """
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as err:  # ValueError: a NUL in the path
            raise SpecError(f"{path}: cannot be read: {getattr(err, 'strerror', None) or err}") from err
        return cls.from_bytes(data, name=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> "YamlDocument":
        """Take a document from memory.

        Args:
            data: UTF-8, with or without a byte order mark.
            name: What error lines begin with.

        Raises:
            SpecError: It is larger than ``MAX_BYTES`` or not UTF-8.
        """
        if len(data) > MAX_BYTES:
            raise SpecError(f"{name}: larger than {MAX_BYTES // 1024} KiB; this is not a file written by hand")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as err:
            line = data[: err.start].count(b"\n") + 1
            message = f"{name}:{line}: byte 0x{data[err.start]:02x} is not UTF-8"
            raise SpecError(message, remedy="Save the file as UTF-8.") from err
        return cls(name=name, text=text, sha256=hashlib.sha256(data).hexdigest())

    def validate(self, model: type[Model]) -> Model:
        """Return the document as a model.

        Raises:
            SpecError: With one line for each thing that is wrong, in the order of the file.
        """
        data, place, problems = self._parse()
        try:
            result = model.model_validate(data)
        except ValidationError as err:
            flawed = {problem.path for problem in problems}
            problems += [problem for problem in explain(err, place, model) if problem.path not in flawed]
            raise self._spec_error(problems) from err
        if problems:
            raise self._spec_error(problems)
        return result

    def error(self, path: tuple[str | int, ...], message: str) -> SpecError:
        """Return an error that points at a value; for what only shows after validation, such as a missing file.

        Args:
            path: Keys and positions that lead to the value.
            message: What is wrong with it.
        """
        _, place, _ = self._parse()
        return self._spec_error([Problem(place.line_of(path), path, message)])

    def _parse(self) -> tuple[Plain, Place, list[Problem]]:
        builder = _Builder()
        try:
            node = self._compose()
            if node is None:
                raise _StopReadingError(1, "the file is empty")
            if not isinstance(node, yaml.MappingNode):
                raise _StopReadingError(node.start_mark.line + 1, "the file must hold keys and values at its top level")
            data, place = builder.build(node, node.start_mark.line + 1, ())
        except _StopReadingError as err:
            raise self._spec_error([*builder.problems, err.problem]) from err
        return data, place, builder.problems

    def _compose(self) -> yaml.Node | None:
        try:
            loader = _Composer(self.text)
            return loader.get_single_node()
        except yaml.reader.ReaderError as err:
            line = self.text.count("\n", 0, err.position) + 1
            raise _StopReadingError(line, f"the character U+{err.character:04X} is not allowed in YAML") from err
        except yaml.MarkedYAMLError as err:
            mark = err.problem_mark or err.context_mark
            raise _StopReadingError(mark.line + 1 if mark else 1, _syntax_message(err)) from err
        except (ValueError, OverflowError) as err:  # an escape such as "\U00110000" that is no character
            raise _StopReadingError(1, f"cannot be read: {err}") from err

    def _spec_error(self, problems: list[Problem]) -> SpecError:
        lines = dict.fromkeys(str(problem) for problem in sorted(problems, key=lambda problem: problem.line))
        return SpecError("\n".join(f"{self.name}:{line}" for line in lines))


def _syntax_message(err: yaml.MarkedYAMLError) -> str:
    problem = err.problem or "cannot be read"
    if r"'\t'" in problem:
        return "a tab cannot indent YAML; use spaces"
    if "expected a single document" in (err.context or ""):
        return "a second document begins here ('---'); one file holds one document"
    return f"{err.context}: {problem}" if err.context else problem


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Load a YAML file as a model.

    Args:
        path: The file.
        model: What it must hold.

    Raises:
        SpecError: It cannot be read or is wrong, with one line for each fault: ``file:line: key: what is wrong``.
    """
    return YamlDocument.read(path).validate(model)
