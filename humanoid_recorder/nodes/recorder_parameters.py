"""The parameters of the recorder node."""

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.parameter import Parameter

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.labels import Labels
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.core.topics import TopicSelection, compile_pattern
from humanoid_recorder.spec.profile import LoadedProfile, load_profile

LABELS = {
    "task": "What should happen, in the site's words; stays from episode to episode.",
    "prompt": "The words given to a language-conditioned policy; stays.",
    "operator": "Who drives; stays.",
    "scene": "Where; stays.",
    "reason": "Why the attempt failed; cleared at every start.",
}

_PARAMETERS: dict[str, tuple[str | bool | float | int | list[str], str]] = {
    "profile": ("", "Path of the robot profile (YAML). Empty: record topics as ros2 bag record does."),
    "all": (False, "Record every topic but our own, /rosout, /parameter_events and hidden ones."),
    "regex": ("", "Record topics whose name contains a match of this regular expression."),
    "exclude": ("", "Leave out topics whose name contains a match of this regular expression."),
    "out": ("recordings", "Folder in which the session's folder is made."),
    "disk_reserve_gb": (0.0, "Refuse a start below this much free space, 10^9 bytes; 0 = 2, or a tenth of the disk."),
    "repair": (True, "Repair what earlier sessions left unfinished in out, in the background."),
    "autostart": (True, "Configure and activate by itself; false leaves that to a lifecycle manager."),
    "max_episode_s": (600.0, "A forgotten episode is ended after this long; 0 = never."),
    "pre_roll_s": (0.0, "Keep this much from before the start."),
    "pre_roll_max_mb": (256, "And at most this much of it."),
    "queue_max_mb": (256, "Memory for messages that wait to be written; what does not fit is dropped and counted."),
    "compression": ("", "How bags are compressed: none, lz4 or zstd. Empty: as the profile says, or not at all."),
    "ingest": ("wait_set", "How messages are taken: wait_set (fast) or executor (portable)."),
    "allow_sim_time": (False, "Record although use_sim_time is set."),
    "instance": ("", "Name of this process in ~/state, by which who started it knows it; empty: a random one."),
}


@dataclass(frozen=True, slots=True)
class RecorderParameters:
    """What was asked for, checked."""

    profile: LoadedProfile | None
    streams: tuple[Stream, ...]
    """What the profile declares, with fully qualified topics; empty without one."""
    selection: TopicSelection
    out: Path
    """Absolute: it names the same folder for whoever reads ``~/state``."""
    disk_reserve_bytes: int
    """0 = automatic."""
    repair: bool
    max_episode_s: float
    pre_roll_ns: int
    pre_roll_max_bytes: int
    queue_max_bytes: int
    compression: Compression
    ingest: str
    """wait_set or executor."""


def declare_parameters(node: Node) -> None:
    """Declare every parameter with its default and description."""
    for name, (default, description) in _PARAMETERS.items():
        # `max_episode_s:=60` is as good as `60.0`, which rclpy would tell apart.
        either = isinstance(default, float)
        node.declare_parameter(name, default, ParameterDescriptor(description=description, dynamic_typing=either))
    # A list: its default cannot be empty, since an empty list has no type.
    description = "Record these topics; each is waited for."
    node.declare_parameter("topics", Parameter.Type.STRING_ARRAY, ParameterDescriptor(description=description))
    for name, description in LABELS.items():
        node.declare_parameter(name, "", ParameterDescriptor(description=description))


def refuse_fixed(changes: "Iterable[Parameter[Any]]") -> SetParametersResult:
    """Answer a change of parameters while the recorder is configured: only the labels would have an effect."""
    fixed = [change.name for change in changes if change.name in _PARAMETERS or change.name == "topics"]
    if not fixed:
        return SetParametersResult(successful=True)
    reason = (
        f"{', '.join(fixed)}: read when the recorder is configured; deactivate and clean it up first, or restart it"
    )
    return SetParametersResult(successful=False, reason=reason)


def read_instance(node: Node) -> str:
    """Read the name of this process, or make one."""
    return str(node.get_parameter("instance").value) or secrets.token_hex(4)


def read_labels(node: Node) -> Labels:
    """Read the labels as they are set now."""
    return Labels(**{name: str(node.get_parameter(name).value) for name in LABELS})


def read_parameters(node: Node) -> RecorderParameters:
    """Read and check everything else.

    Args:
        node: The recorder.

    Raises:
        SpecError: Something is wrong, or nothing was chosen to record.
    """

    def text(name: str) -> str:
        return str(node.get_parameter(name).value)

    def number(name: str) -> float:
        value = node.get_parameter(name).value
        if not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise SpecError(f"The parameter {name} is {value!r}.", remedy="It must be a number, zero or more.")
        return float(value)

    if bool(node.get_parameter("use_sim_time").value) and not bool(node.get_parameter("allow_sim_time").value):
        raise SpecError(
            "use_sim_time is set: log times and stamps would be of different clocks.",
            remedy="Unset it, or set allow_sim_time to record nevertheless.",
        )
    profile = load_profile(Path(text("profile")).expanduser()) if text("profile") else None
    listed = node.get_parameter_or("topics").value or ()
    selection = TopicSelection(
        everything=bool(node.get_parameter("all").value),
        topics=frozenset(_resolve(node, topic) for topic in listed),
        include=compile_pattern(text("regex"), option="regex"),
        exclude=compile_pattern(text("exclude"), option="exclude"),
    )
    if profile is None and selection.is_empty:
        raise SpecError(
            "Nothing was chosen to record.", remedy="Set one of the parameters profile, all, topics or regex."
        )
    if text("ingest") not in {"wait_set", "executor"}:
        raise SpecError(f"There is no ingest {text('ingest')!r}.", remedy="It is wait_set or executor.")
    if not number("queue_max_mb"):
        raise SpecError("The parameter queue_max_mb is 0: every message would be dropped.", remedy="256 is usual.")
    return RecorderParameters(
        profile=profile,
        streams=() if profile is None else _streams(node, profile),
        selection=selection,
        out=Path(text("out")).expanduser().absolute(),
        disk_reserve_bytes=round(number("disk_reserve_gb") * 1e9),
        repair=bool(node.get_parameter("repair").value),
        max_episode_s=number("max_episode_s"),
        pre_roll_ns=round(number("pre_roll_s") * 1e9),
        pre_roll_max_bytes=round(number("pre_roll_max_mb") * 1e6),
        queue_max_bytes=round(number("queue_max_mb") * 1e6),
        compression=_compression(text("compression"), profile),
        ingest=text("ingest"),
    )


def _compression(asked_for: str, profile: LoadedProfile | None) -> Compression:
    if not asked_for:
        return profile.profile.recording.compression if profile else Compression.NONE
    try:
        return Compression(asked_for)
    except ValueError as error:
        raise SpecError(
            f"There is no compression {asked_for!r}.", remedy=f"It is one of {', '.join(Compression)}."
        ) from error


def _streams(node: Node, profile: LoadedProfile) -> tuple[Stream, ...]:
    """Resolve the topics of a profile, which in this namespace may turn out to be one."""
    streams: dict[str, Stream] = {}
    for stream in profile.profile.streams_to_record():
        topic = _resolve(node, stream.topic)
        other = streams.setdefault(topic, replace(stream, topic=topic))
        if other.name != stream.name:
            raise SpecError(
                f"{profile.path}: the streams {other.name!r} and {stream.name!r} are both {topic} here.",
                remedy="Take one of them out of the profile, or run the recorder in the robot's namespace.",
            )
    return tuple(streams.values())


def _resolve(node: Node, topic: str) -> str:
    """Return a topic's fully qualified name in the node's namespace, remappings applied."""
    try:
        return node.resolve_topic_name(topic)
    except rclpy_implementation.RCLError as error:
        reason = str(error).removeprefix("failed to resolve name: ").partition(", at /")[0]
        raise SpecError(
            f"{topic!r} is not a topic name: {reason}.",
            remedy="Write it as `ros2 topic list` shows it.",
        ) from error
