"""A robot that is not there and a recorder beside it: ``ros2 launch humanoid_recorder demo.launch.py out:=recordings``.

With the extra ``sim`` the robot is a simulated humanoid: its operator does a task, each attempt becomes an episode that
is labelled success or failure, and after the last the launch ends. Without it the robot is synthetic, and the recorder
waits for its start: ``ros2 service call /recorder/start std_srvs/srv/Trigger``. Takes all arguments of
record.launch.py.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

SIMULATED, SYNTHETIC = "simulated", "synthetic"
HERE = Path(__file__).parent

# Synthetic robot parameter -> how its text is read, and what it is. Not given: the node's default.
PARAMETERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "config": (str, "What the synthetic robot publishes, a YAML file"),
    "report": (str, "File that gets the synthetic robot's own account of what it sent"),
    "duration_s": (float, "End everything after this many seconds; synthetic robot only"),
}


def _node(context: LaunchContext, name: str, parameters: Mapping[str, object], *, ends_all: bool) -> Node:
    return Node(
        package="humanoid_recorder",
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace").perform(context),
        parameters=[{**parameters, "stop_with_parent": os.getpid()}],  # as in record.launch.py
        output="screen",
        emulate_tty=True,
        on_exit=Shutdown(reason=f"{name} has ended") if ends_all else None,
    )


def choose_what_to_record(context: LaunchContext) -> None:
    """Fill in what was not given, as it fits the robot."""
    given = context.launch_configurations
    robot = LaunchConfiguration("robot").perform(context)
    if robot not in (SIMULATED, SYNTHETIC):
        raise ValueError(f"launch argument robot:={robot} is not usable: it is {SIMULATED} or {SYNTHETIC}")
    if robot == SIMULATED:
        given.setdefault("profile", str(HERE.parent / "config" / "robots" / "g1_sim.yaml"))
        given.setdefault("task", "lift_box")
    else:
        given.setdefault("all", "true")


def start_robot(context: LaunchContext) -> list[Node]:
    """Start the robot, and who has its operator attempt its task; when that ends, so does the launch."""
    if LaunchConfiguration("robot").perform(context) == SIMULATED:
        task = LaunchConfiguration("task").perform(context)
        attempts = int(LaunchConfiguration("attempts").perform(context))
        return [
            _node(context, "sim_humanoid", {"task": task}, ends_all=True),
            _node(context, "sim_attempts", {"attempts": attempts}, ends_all=True),
        ]
    texts = {name: LaunchConfiguration(name).perform(context) for name in PARAMETERS}
    given = {name: read(texts[name]) for name, (read, _) in PARAMETERS.items() if texts[name]}
    return [_node(context, "synthetic_robot", given, ends_all=True)]


def generate_launch_description() -> LaunchDescription:
    """Start the recorder and the robot."""
    best = SIMULATED if importlib.util.find_spec("mujoco") is not None else SYNTHETIC
    return LaunchDescription(
        [
            DeclareLaunchArgument("robot", default_value=best, description=f"{SIMULATED} or {SYNTHETIC}"),
            DeclareLaunchArgument("attempts", default_value="2", description="How often the simulated operator tries"),
            *(
                DeclareLaunchArgument(name, default_value="", description=description)
                for name, (_, description) in PARAMETERS.items()
            ),
            OpaqueFunction(function=choose_what_to_record),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(HERE / "record.launch.py"))),
            OpaqueFunction(function=start_robot),
        ]
    )
