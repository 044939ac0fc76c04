"""Start the recorder: ``ros2 launch humanoid_recorder record.launch.py profile:=g1.yaml``."""

import os
from collections.abc import Callable, Mapping

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

# The recorder seals within 4 s of SIGINT; a slow disk gets more before launch asks again, and again before it kills.
SECONDS_UNTIL_SIGTERM = "10"
SECONDS_FROM_SIGTERM_TO_SIGKILL = "20"


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"neither 'true' nor 'false': {text!r}")
    return text.lower() == "true"


# Recorder parameter -> how its text is read, and what it is. One that is not given is left to the node's default.
PARAMETERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "profile": (str, "Robot profile, a YAML file that names the streams; without one say all:=true or topics:=..."),
    "all": (_bool, "Record every topic: true or false"),
    "topics": (str.split, "Topics to record, separated by spaces"),
    "regex": (str, "Record the topics that match this regular expression"),
    "exclude": (str, "Leave out the topics that match this regular expression"),
    "out": (str, "Folder that gets the sessions"),
    "autostart": (_bool, "Configure and activate at once: true or false"),
    "task": (str, "Label: what should happen"),
    "prompt": (str, "Label: the words given to the policy"),
    "operator": (str, "Label: who drives"),
    "scene": (str, "Label: where"),
    "max_episode_s": (float, "End a forgotten episode after this many seconds"),
    "pre_roll_s": (float, "Seconds before the start that go into an episode"),
}


def start_recorder(context: LaunchContext) -> list[Node]:
    """Build the recorder node from the arguments that were given."""
    # SIGTERM ends launch at once, without a word to its processes; the recorder must not go on alone.
    given: dict[str, object] = {"stop_with_parent": os.getpid()}
    for name, (read, _) in PARAMETERS.items():
        text = LaunchConfiguration(name).perform(context)
        if text:
            try:
                given[name] = read(text)
            except ValueError as err:
                raise ValueError(f"launch argument {name}:={text} is not usable: {err}") from err
    return [
        Node(
            package="humanoid_recorder",
            executable="recorder",
            name="recorder",
            namespace=LaunchConfiguration("namespace").perform(context),
            parameters=[given],
            output="screen",
            emulate_tty=True,
            sigterm_timeout=SECONDS_UNTIL_SIGTERM,
            sigkill_timeout=SECONDS_FROM_SIGTERM_TO_SIGKILL,
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the recorder."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="Namespace of the robot"),
            *(
                DeclareLaunchArgument(name, default_value="", description=description)
                for name, (_, description) in PARAMETERS.items()
            ),
            OpaqueFunction(function=start_recorder),
        ]
    )
