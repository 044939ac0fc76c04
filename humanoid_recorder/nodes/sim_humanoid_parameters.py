"""The parameters of the simulated humanoid's node."""

from collections.abc import Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.sim.faults.kinds import Fault
from humanoid_recorder.sim.faults.text import parse_faults
from humanoid_recorder.sim.humanoid.model import CAMERAS
from humanoid_recorder.sim.humanoid.scene import Task
from humanoid_recorder.sim.humanoid_rig import RigOptions

FAULTS, SEED = "faults", "seed"
_FIXED: dict[str, tuple[str | bool | list[str], str]] = {
    "task": (Task.LIFT_BOX.value, f"What stands on the table: {', '.join(Task)}."),
    "operator": (True, "The scripted operator drives; false: wait for /joint_commands."),
    "cameras": (list(CAMERAS), "Which cameras there are; [''] for none."),
}
_SETTABLE: dict[str, tuple[int | list[str], str]] = {
    SEED: (0, "Where things stand after the next ~/reset, and what the faults draw; at least 0."),
    FAULTS: ([""], "What is wrong, such as frozen_camera:head or bursts:joints:36ms; [''] for nothing."),
}


def declare_parameters(node: Node) -> None:
    """Declare every parameter with its default and description."""
    for name, (default, description) in _FIXED.items():
        node.declare_parameter(name, default, ParameterDescriptor(description=description, read_only=True))
    for name, (value, description) in _SETTABLE.items():
        node.declare_parameter(name, value, ParameterDescriptor(description=description))


def read_options(node: Node, *, transforms: bool) -> RigOptions:
    """Read what the robot should be.

    Raises:
        SpecError: There is no such task or camera, or the seed is negative.
    """
    task, seed = str(node.get_parameter("task").value), read_seed(node)
    if task not in set(Task):
        raise SpecError(f"There is no task {task!r}.", remedy=f"Choose one of {', '.join(Task)}.")
    cameras = tuple(str(name) for name in node.get_parameter("cameras").value or () if name)
    unknown = [name for name in cameras if name not in CAMERAS]
    if unknown:
        raise SpecError(f"There is no camera {unknown[0]!r}.", remedy=f"Choose among {', '.join(CAMERAS)}.")
    operator = bool(node.get_parameter("operator").value)
    return RigOptions(Task(task), seed, operator, tuple(dict.fromkeys(cameras)), transforms)


def read_seed(node: Node) -> int:
    """Read the seed.

    Raises:
        SpecError: It is negative.
    """
    seed = int(node.get_parameter(SEED).value or 0)
    if seed < 0:
        raise SpecError(f"The seed is {seed}.", remedy="Choose a number that is not negative.")
    return seed


def read_faults(node: Node, streams: Mapping[str, StreamKind]) -> tuple[Fault, ...]:
    """Read the faults.

    Raises:
        SpecError: One is wrong.
    """
    return parse_faults([str(text) for text in node.get_parameter(FAULTS).value or ()], streams)


def check_changes(changes: "Iterable[Parameter[Any]]", streams: Mapping[str, StreamKind]) -> SetParametersResult:
    """Answer a change of parameters: refused with the reason if the new value cannot be."""
    for change in changes:
        if change.name == SEED and change.value < 0:
            return SetParametersResult(successful=False, reason="a seed is not negative")
        if change.name == FAULTS:
            try:
                parse_faults([str(text) for text in change.value], streams)
            except SpecError as error:
                return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)
