"""From the text of a YAML file to plain data that remembers its lines.

Scalars follow the core schema of YAML 1.2: ``on``, ``yes`` and ``12:30`` are text, ``1e3`` is a number. Tags that would
make anything but plain data are refused. Depth and number of values are bounded, so no file can exhaust memory.
"""

import re
from dataclasses import dataclass, field

import yaml

from humanoid_recorder.spec.yaml_problems import Place, Problem, shorten

MAX_DEPTH = 24
MAX_VALUES = 20_000

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

_TAG = "tag:yaml.org,2002:"


class UnreadableError(Exception):
    """A document is wrong in a way that makes the rest of it unreadable."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(*problems)
        self.problems = problems


def _stop(line: int, message: str) -> UnreadableError:
    return UnreadableError([Problem(line, (), message)])


class _Composer(yaml.SafeLoader):
    """PyYAML's parser up to its node tree, with bounded depth and the scalars of YAML 1.2."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - replaces PyYAML's table of YAML 1.1

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _stop(self.line + 1, f"nested deeper than {MAX_DEPTH} levels")
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


_SCALARS = {f"{_TAG}{name}": name for name in ("str", "null", "bool", "int", "float")}


def _forbidden_tag(node: yaml.Node) -> str:
    return f"the tag {shorten(node.tag)} is not allowed here"


def _scalar(tag: str, text: str) -> Plain:
    """Return the value of a scalar; raises ValueError or KeyError where tag and text do not fit."""
    match _SCALARS.get(tag):
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
    raise ValueError(f"{tag} makes no plain scalar")


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
            UnreadableError: A node contains itself, or aliases multiply it beyond the bounds.
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
            self.problems.append(Problem(line, path, _forbidden_tag(node)))
            data = None
        self._open.pop()
        return data, place

    def _enter(self, node: yaml.Node, line: int) -> None:
        if any(node is outer for outer in self._open):
            raise _stop(line, "an alias here refers to the value that contains it")
        self._values += 1
        if self._values > MAX_VALUES:
            raise _stop(line, f"more than {MAX_VALUES} values, those that aliases repeat included")
        if len(self._open) >= MAX_DEPTH:
            raise _stop(line, f"nested deeper than {MAX_DEPTH} levels")
        self._open.append(node)

    def _build_scalar(self, node: yaml.ScalarNode, line: int, path: tuple[str | int, ...]) -> Plain:
        try:
            return _scalar(node.tag, node.value)
        except (ValueError, KeyError):
            kind = _SCALARS.get(node.tag)
            fault = f"{shorten(node.value)} cannot be read as {kind}" if kind else _forbidden_tag(node)
            self.problems.append(Problem(line, path, fault))
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


def parse(text: str) -> tuple[Plain, Place, list[Problem]]:
    """Return the data of a document, the places of its values, and what is wrong with single values.

    Raises:
        UnreadableError: The text is no YAML, holds no mapping, or breaks the bounds.
    """
    node = _compose(text)
    if node is None:
        raise _stop(1, "the file is empty")
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise _stop(line, "the file must hold keys and values at its top level")
    builder = _Builder()
    try:
        data, place = builder.build(node, line, ())
    except UnreadableError as err:
        raise UnreadableError([*builder.problems, *err.problems]) from err
    return data, place, builder.problems


def _compose(text: str) -> yaml.Node | None:
    try:
        loader = _Composer(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as err:
        line = text.count("\n", 0, err.position) + 1
        raise _stop(line, f"the character U+{err.character:04X} is not allowed in YAML") from err
    except yaml.MarkedYAMLError as err:
        unclosed = re.search(
            "end of stream|stream end", err.problem or ""
        )  # where it began says more than where the file ends
        mark = (err.context_mark if unclosed else None) or err.problem_mark
        raise _stop(mark.line + 1 if mark else 1, _syntax_message(err)) from err
    except (ValueError, OverflowError) as err:  # an escape such as "\U00110000" that is no character
        raise _stop(1, f"cannot be read: {err}") from err


def _syntax_message(err: yaml.MarkedYAMLError) -> str:
    problem = err.problem or "cannot be read"
    if r"'\t'" in problem:
        return "a tab cannot indent YAML; use spaces"
    if "expected a single document" in (err.context or ""):
        return "a second document begins here ('---'); one file holds one document"
    return f"{err.context}: {problem}" if err.context else problem
