"""The parameters of the player node."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.topics import compile_pattern
from humanoid_recorder.playback.playback import FASTEST, LONGEST_S, MOST_CLOCK_HZ, SLOWEST
from humanoid_recorder.playback.program import Window
from humanoid_recorder.playback.selection import PlayChoice, parse_remap
from humanoid_recorder.playback.timeline import OrderBy

LIVE = ("rate", "loop", "position_s", "step_s")
"""What may be set while a bag is played."""

_PARAMETERS: dict[str, tuple[str | bool | float, str]] = {
    "bag": ("", "The bag: its directory, its metadata.yaml, or an .mcap file."),
    "regex": ("", "Play topics whose name contains a match of this regular expression."),
    "exclude_regex": ("", "Of all topics, or of regex, leave out those whose name contains a match."),
    "with_commands": (False, "Play topics that command a robot, too: a robot that hears them moves."),
    "by": ("log", "Order and pace: log (when received) or publish (when sent)."),
    "rate": (1.0, "Seconds of the bag per second. May be set at any time."),
    "loop": (False, "Begin again at the end. May be set at any time."),
    "start_offset_s": (0.0, "Begin so much behind the beginning of the bag."),
    "duration_s": (0.0, "Play so much of the bag; 0 = to its end."),
    "paused": (False, "Begin paused."),
    "position_s": (0.0, "Setting it seeks: seconds since the beginning of the bag."),
    "step_s": (0.0, "What ~/step plays: so much of the bag; 0 = one message. May be set at any time."),
    "clock_hz": (0.0, "Publish /clock so often per second; 0 = not at all."),
    "delay_s": (1.0, "Wait so long before the first message, so that subscribers find us."),
    "wait_for_subscribers": (False, "Wait before the first message until every topic has a subscriber."),
    "instance": ("", "Name of this process in ~/state, for who started it: it is waited for; empty: a random one."),
}
_LISTS = {
    "topics": "Play only these topics.",
    "exclude_topics": "Leave out these topics.",
    "remap": "New names for topics, each as /old:=/new.",
}


@dataclass(frozen=True, slots=True)
class PlayerParameters:
    """What was asked for, checked."""

    bag: Path
    choice: PlayChoice
    by: OrderBy
    window: Window
    rate: float
    loop: bool
    paused: bool
    clock_hz: float
    delay_s: float
    wait_for_subscribers: bool
    instance: str
    is_named_by_parent: bool
    """Whether who started us gave us a name: then it listens to our state, and wants to show all of it."""


def declare_parameters(node: Node) -> None:
    """Declare every parameter with its default and description."""
    for name, (default, description) in _PARAMETERS.items():
        either = isinstance(default, float)  # `rate:=2` is as good as `2.0`, which rclpy would tell apart
        node.declare_parameter(name, default, ParameterDescriptor(description=description, dynamic_typing=either))
    for name, description in _LISTS.items():
        node.declare_parameter(name, Parameter.Type.STRING_ARRAY, ParameterDescriptor(description=description))


def judge_changes(changes: "Iterable[Parameter[Any]]") -> SetParametersResult:
    """Answer a change of parameters while a bag is played."""
    for change in changes:
        reason = ""
        if (change.name in _PARAMETERS or change.name in _LISTS) and change.name not in LIVE:
            reason = f"{change.name}: read when the player starts"
        elif change.name == "rate" and not _is_number(change.value, least=SLOWEST, most=FASTEST):
            reason = f"rate: from {SLOWEST:g} to {FASTEST:g}"
        elif change.name in ("position_s", "step_s") and not _is_number(change.value, most=LONGEST_S):
            reason = f"{change.name}: a number from 0 to {LONGEST_S:g}"
        if reason:
            return SetParametersResult(successful=False, reason=reason)
    return SetParametersResult(successful=True)


def read_parameters(node: Node) -> PlayerParameters:
    """Read and check everything.

    Args:
        node: The player.

    Raises:
        SpecError: Something is wrong.
    """

    def text(name: str) -> str:
        return str(node.get_parameter(name).value)

    def flag(name: str) -> bool:
        return bool(node.get_parameter(name).value)

    def listed(name: str) -> tuple[str, ...]:
        return tuple(node.get_parameter_or(name).value or ())

    def number(name: str, *, least: float = 0.0, most: float = LONGEST_S) -> float:
        value = node.get_parameter(name).value
        if not _is_number(value, least=least, most=most):
            raise SpecError(f"The parameter {name} is {value!r}.", remedy=f"It must be from {least:g} to {most:g}.")
        return float(value)

    if not text("bag"):
        raise SpecError("No bag was named.", remedy="Set the parameter bag.")
    if text("by") not in {*OrderBy}:
        raise SpecError(f"There is no order {text('by')!r}.", remedy=f"It is {' or '.join(OrderBy)}.")
    return PlayerParameters(
        bag=Path(text("bag")).expanduser().absolute(),
        choice=PlayChoice(
            topics=frozenset(listed("topics")),
            regex=compile_pattern(text("regex"), option="regex"),
            exclude_topics=frozenset(listed("exclude_topics")),
            exclude_regex=compile_pattern(text("exclude_regex"), option="exclude_regex"),
            remap=parse_remap(listed("remap")),
            with_commands=flag("with_commands"),
            own_clock=number("clock_hz") > 0,
        ),
        by=OrderBy(text("by")),
        window=Window(number("start_offset_s"), number("duration_s") or None),
        rate=number("rate", least=SLOWEST, most=FASTEST),
        loop=flag("loop"),
        paused=flag("paused"),
        clock_hz=number("clock_hz", most=MOST_CLOCK_HZ),
        delay_s=number("delay_s"),
        wait_for_subscribers=flag("wait_for_subscribers"),
        instance=text("instance") or secrets.token_hex(4),
        is_named_by_parent=bool(text("instance")),
    )


def _is_number(value: object, *, least: float = 0.0, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
