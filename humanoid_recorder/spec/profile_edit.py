"""Changing one number of a robot profile, and nothing else: comments, order and layout stay as they were written."""

from typing import NamedTuple

import yaml

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.spec.yaml_source import YamlDocument

_ALIGN, _OFFSET = "align", "offset_ms"


class _Edit(NamedTuple):
    """Replace what stands from ``begin`` to ``end``."""

    begin: int
    end: int
    text: str


def set_offset(text: str, stream: str, offset_ms: float, *, name: str) -> str:
    """Set ``streams.<stream>.align.offset_ms``.

    Args:
        text: A valid profile.
        stream: Name of a stream in it.
        offset_ms: Rounded to a tenth.
        name: What error lines begin with.

    Returns:
        The text with the number put in.

    Raises:
        SpecError: The profile would not be valid with it, or the place cannot be changed by itself (it is shared by an
            alias).
    """
    before = YamlDocument.from_bytes(text.encode(), name=name).validate(RobotProfile)
    number = f"{round(offset_ms, 1):g}" if abs(offset_ms) < 100_000 else f"{offset_ms:.1f}"
    edit = _find(text, stream, number)
    edited = text[: edit.begin] + edit.text + text[edit.end :]
    after = YamlDocument.from_bytes(edited.encode(), name=name).validate(RobotProfile)
    wanted = before.model_dump(exclude_unset=True)
    wanted["streams"][stream].setdefault(_ALIGN, {})
    wanted["streams"][stream][_ALIGN] = {**(wanted["streams"][stream][_ALIGN] or {}), _OFFSET: float(number)}
    if after.model_dump(exclude_unset=True) != wanted:
        raise SpecError(
            f"{name}: streams.{stream} cannot be changed by itself: it is written with an alias or a merge.",
            remedy=f"Write `{_ALIGN}: {{{_OFFSET}: {number}}}` there by hand.",
        )
    return edited


def _find(text: str, stream: str, number: str) -> _Edit:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node = _value(_value(root, "streams"), stream)
    align = _value(node, _ALIGN)
    if isinstance(align, yaml.MappingNode) and align.value:
        offset = _value(align, _OFFSET)
        if offset is not None:
            return _Edit(offset.start_mark.index, offset.end_mark.index, number)
        return _insertion(text, align, f"{_OFFSET}: {number}")
    if align is not None:  # an empty mapping, or nothing behind the colon
        separator = "" if text[align.start_mark.index - 1].isspace() else " "
        return _Edit(align.start_mark.index, align.end_mark.index, f"{separator}{{{_OFFSET}: {number}}}")
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise ValueError(f"stream {stream} is not a mapping")
    return _insertion(text, node, f"{_ALIGN}: {{{_OFFSET}: {number}}}")


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for each, value in node.value if each.value == key), None)


def _insertion(text: str, mapping: yaml.MappingNode, entry: str) -> _Edit:
    """Put an entry behind the last one of a mapping, in the style in which it is written."""
    end = _end(mapping.value[-1][1])
    if mapping.flow_style:
        return _Edit(end, end, f", {entry}")
    newline = "\r\n" if "\r\n" in text else "\n"
    line_end = text.find("\n", end)
    at = len(text) if line_end < 0 else line_end - (newline == "\r\n")
    return _Edit(at, at, newline + " " * mapping.value[0][0].start_mark.column + entry)


def _end(node: yaml.Node) -> int:
    """Return where a value ends; a block's own mark is behind the comments that follow it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return int(node.end_mark.index)
