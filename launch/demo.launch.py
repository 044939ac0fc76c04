"""A synthetic robot and a recorder beside it: ``ros2 launch humanoid_recorder demo.launch.py out:=recordings``.

The recorder waits for its start: ``ros2 service call /recorder/start std_srvs/srv/Trigger``. It takes all arguments of
record.launch.py.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

# Synthetic robot parameter -> how its text is read, and what it is. Not given: the node's default.
PARAMETERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "config": (str, "What the synthetic robot publishes, a YAML file"),
    "report": (str, "File that gets the synthetic robot's own account of what it sent"),
    "duration_s": (float, "End everything after this many seconds"),
}


def start_synthetic_robot(context: LaunchContext) -> list[Node]:
    """Build the synthetic robot from the arguments that were given; when it ends, so does the launch."""
    texts = {name: LaunchConfiguration(name).perform(context) for name in PARAMETERS}
    given: dict[str, object] = {name: read(texts[name]) for name, (read, _) in PARAMETERS.items() if texts[name]}
    given["stop_with_parent"] = True  # as in record.launch.py
    return [
        Node(
            package="humanoid_recorder",
            executable="synthetic_robot",
            name="synthetic_robot",
            namespace=LaunchConfiguration("namespace").perform(context),
            parameters=[given],
            output="screen",
            emulate_tty=True,
            on_exit=Shutdown(reason="the synthetic robot has ended"),
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Start the recorder on every topic (or on a profile) and the synthetic robot."""
    record = str(Path(__file__).with_name("record.launch.py"))
    return LaunchDescription(
        [
            DeclareLaunchArgument("all", default_value="true", description="Record every topic: true or false"),
            *(
                DeclareLaunchArgument(name, default_value="", description=description)
                for name, (_, description) in PARAMETERS.items()
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(record)),
            OpaqueFunction(function=start_synthetic_robot),
        ]
    )
