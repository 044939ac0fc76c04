"""Faults as text, for a ROS parameter: ``fault:stream`` or ``fault:stream:parameter:...``.

Parameters come in the order in which the class declares them and carry their unit: ``bursts:joints:36ms``,
``exact_repeats:operator_head:15%``, ``stale_first:imu:5s:2``. What is left out has its default. ``swapped_cameras``
concerns both wrist cameras and names no stream.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.sim.faults.kinds import AT_LEAST, AT_MOST, KINDS, UNIT, Fault, SwappedCameras

WRIST_CAMERAS = ("left_wrist", "right_wrist")
"""The streams that ``swapped_cameras`` exchanges."""
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([A-Za-z%]*)")


def fault_name(kind: type[Fault]) -> str:
    """Return the name of a fault in its text form, such as ``frozen_camera``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


NAMES = {fault_name(kind): kind for kind in KINDS}


def parse_fault(text: str, streams: Mapping[str, StreamKind]) -> Fault:
    """Read one fault.

    Args:
        text: ``fault:stream[:parameter...]``.
        streams: Every stream of the robot.

    Raises:
        SpecError: There is no such fault, stream or parameter; the nearest is named.
    """
    name, *rest = (part.strip() for part in text.split(":"))
    kind = NAMES.get(name)
    if kind is None:
        raise SpecError(f"{text!r}: there is no fault {name!r}.", remedy=_nearest(name, NAMES))
    if kind is SwappedCameras:
        missing = [camera for camera in WRIST_CAMERAS if camera not in streams]
        if missing:
            raise SpecError(f"{text!r}: there is no stream {missing[0]!r}.", remedy="It takes both wrist cameras.")
        rest = [WRIST_CAMERAS[0], *rest]
    if not rest or not rest[0]:
        raise SpecError(f"{text!r}: on which stream?", remedy=f"Write it like {name}:{_possible(kind, streams)[0]}.")
    stream, *values = rest
    if stream not in streams:
        raise SpecError(f"{text!r}: there is no stream {stream!r}.", remedy=_nearest(stream, _possible(kind, streams)))
    if streams[stream] not in kind.befalls:
        possible = ", ".join(_possible(kind, streams))
        raise SpecError(f"{text!r}: {stream} cannot have {name}.", remedy=f"These can: {possible}.")
    parameters = [field for field in fields(kind) if field.name != "stream"]
    if len(values) > len(parameters):
        known = ", ".join(field.name for field in parameters) or "none"
        raise SpecError(f"{text!r}: {values[len(parameters)]!r} is one too many.", remedy=f"Parameters: {known}.")
    read = {
        field.name: _value(text, field.name, field.metadata, value)
        for field, value in zip(parameters, values, strict=False)
    }
    return kind(stream, **read)


def parse_faults(texts: list[str], streams: Mapping[str, StreamKind]) -> tuple[Fault, ...]:
    """Read a list of faults; empty texts are skipped, because a ROS parameter cannot be an empty list everywhere.

    Raises:
        SpecError: One is wrong, or a stream has the same fault twice.
    """
    faults = [parse_fault(text, streams) for text in texts if text.strip()]
    seen = set()
    for fault in faults:
        key = (type(fault), fault.stream)
        if key in seen:
            raise SpecError(f"{fault_name(type(fault))} is set twice on {fault.stream}.", remedy="Keep one of them.")
        seen.add(key)
    return tuple(faults)


def format_fault(fault: Fault) -> str:
    """Write a fault so that ``parse_fault`` reads it, parameters that are not the default included."""
    parts = [fault_name(type(fault))]
    if not isinstance(fault, SwappedCameras):
        parts.append(fault.stream)
    parameters = [field for field in fields(fault) if field.name != "stream"]
    while parameters and getattr(fault, parameters[-1].name) == parameters[-1].default is not MISSING:
        parameters.pop()
    parts += [f"{getattr(fault, field.name)!r}{field.metadata[UNIT]}" for field in parameters]
    return ":".join(parts)


def _value(text: str, name: str, metadata: Mapping[str, object], written: str) -> float | int:
    unit = str(metadata[UNIT])
    wanted = f"a number with {unit!r} behind it" if unit else "a whole number"
    match = _NUMBER.fullmatch(written)
    if match is None:
        raise SpecError(f"{text!r}: {name} is {written!r}.", remedy=f"Write {wanted}.")
    number, given = float(match[1]), match[2]
    if given == "s" and unit == "ms":
        number *= 1000.0
    elif given != unit:
        raise SpecError(f"{text!r}: {name} is {written!r}.", remedy=f"Write {wanted}.")
    at_most, at_least = metadata.get(AT_MOST, 1e9), metadata.get(AT_LEAST)
    low_enough = isinstance(at_most, int | float) and number <= at_most
    high_enough = number >= at_least if isinstance(at_least, int | float) else number > 0
    if not (math.isfinite(number) and low_enough and high_enough and (unit or number.is_integer())):
        allowed = (
            f"at least {at_least} and at most {at_most}" if at_least is not None else f"above 0 and at most {at_most:g}"
        )
        raise SpecError(f"{text!r}: {name} is {written!r}.", remedy=f"Write {wanted}, {allowed}.")
    return number if unit else int(number)


def _possible(kind: type[Fault], streams: Mapping[str, StreamKind]) -> list[str]:
    return [stream for stream, stream_kind in streams.items() if stream_kind in kind.befalls] or list(streams)


def _nearest(word: str, known: "Mapping[str, object] | list[str]") -> str:
    near = get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
