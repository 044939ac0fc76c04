"""See a bag in rviz: ``ros2 launch humanoid_recorder inspect.launch.py bag:=recordings/SESSION/EPISODE``.

Plays the bag, and shows in rviz2 what it has: the robot, the robot as it was commanded, cameras, wrenches, touch,
poses, events and findings. The rviz configuration is made for the bag; its path is printed. What is not installed is
said, and the rest goes on without it. Closing rviz ends everything; without rviz the end of the bag does.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.bag_contents import BagStream, read_contents
from humanoid_recorder.inspection.rviz_config import POSE, POSES, write_config
from humanoid_recorder.inspection.topics import COMMANDED_PREFIX, harmless_topic
from humanoid_recorder.inspection.view_plan import FrameSource, Installed, ViewPlan, Wishes, joint_topics, make_plan
from humanoid_recorder.playback.commands import is_command
from humanoid_recorder.ros.installed import is_package_installed, is_type_installed
from humanoid_recorder.ros.transforms import TF_TYPE

PACKAGE = "humanoid_recorder"
CLOCK_HZ = 100.0
SECONDS_FOR_RVIZ = 4.0
BASE_CONFIG = Path(__file__).parent.parent / "config" / "rviz" / "base.rviz"
COMPRESSED_TRANSPORT = "compressed_image_transport"


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"neither 'true' nor 'false': {text!r}")
    return text.lower() == "true"


# Player parameter -> how its text is read, and what it is. One that is not given is left to the node's default.
PARAMETERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "bag": (str, "The bag: an episode's folder, its metadata.yaml, or an .mcap file"),
    "rate": (float, "How fast to play; 1 = as it happened"),
    "loop": (_bool, "Begin again after the end: true or false"),
    "paused": (_bool, "Begin paused: true or false"),
    "start_offset_s": (float, "Begin so many seconds behind the beginning of the bag"),
    "delay_s": (float, "Wait so many seconds before the first message; not given: longer if rviz2 has to start"),
}

# Argument -> its default, and what it is.
ARGUMENTS: Mapping[str, tuple[str, str]] = {
    "rviz": ("true", "Start rviz2: true or false"),
    "rviz_config": ("", "An rviz configuration of your own, instead of the one made for the bag"),
    "commanded": ("true", "Show the commanded robot beside the measured one: true or false"),
    "touch": ("true", "Show touch arrays: true or false"),
    "touch_full_scale": (
        "0.0",
        "Value of the last colour of touch; 0 = the limit in the profile, else it follows the data",
    ),
}


def _argument(context: LaunchContext, name: str, read: Callable[[str], object]) -> object:
    text = LaunchConfiguration(name).perform(context)
    try:
        return read(text)
    except ValueError as err:
        raise ValueError(f"launch argument {name}:={text} is not usable: {err}") from err


def _node(name: str, parameters: Mapping[str, object], *, ends_all: bool = False) -> Node:
    return Node(
        package=PACKAGE,
        executable=name,
        name=name,
        parameters=[{**parameters, "stop_with_parent": os.getpid()}],  # as in record.launch.py
        output="screen",
        emulate_tty=True,
        on_exit=Shutdown(reason=f"{name} has ended") if ends_all else None,
    )


def _player(plan: ViewPlan, given: Mapping[str, object], *, has_rviz: bool) -> Node:
    """Start the player. No command goes out under its own name: a robot may be listening."""
    shown = joint_topics(plan.contents, StreamKind.COMMAND) if plan.commanded_frames is not FrameSource.NOBODY else ()
    posed = [stream.topic for stream in plan.contents.of_kind(StreamKind.OPERATOR) if stream.type in (POSE, POSES)]
    shown = (*shown, *posed)
    parameters: dict[str, object] = {"clock_hz": CLOCK_HZ, **given}
    if has_rviz:
        parameters.setdefault("delay_s", SECONDS_FOR_RVIZ)
    if shown:
        parameters["with_commands"] = True
        parameters["remap"] = [f"{topic}:={harmless_topic(topic)}" for topic in shown]
    if hidden := [topic for topic in _commands(plan) if topic not in shown]:
        parameters["exclude_topics"] = hidden
    return _node("player", parameters, ends_all=not has_rviz)


def _commands(plan: ViewPlan) -> list[str]:
    """Return the topics that command the robot: as the recording says, else as either the player or the view thinks."""

    def commands(stream: BagStream) -> bool:
        kinds = {} if stream.is_guessed else {stream.topic: stream.kind.value}
        return stream.kind is StreamKind.COMMAND or is_command(stream.topic, stream.type, kinds)

    return [stream.topic for stream in plan.contents.streams if commands(stream)]


def _state_publisher(plan: ViewPlan, name: str, joint_states: str, *, prefix: str) -> Node:
    urdf = plan.contents.urdf
    return Node(
        package="robot_state_publisher",
        executable="robot_state_publisher",
        name=name,
        parameters=[
            {
                "robot_description": ParameterValue(urdf.text if urdf else "", value_type=str),
                "frame_prefix": prefix,
                "publish_frequency": 50.0,
                "use_sim_time": True,
            }
        ],
        # The URDF is played from the bag: nobody else publishes it.
        remappings=[
            ("joint_states", joint_states),
            ("robot_description", f"/inspect/{name}/robot_description"),
        ],
        output="screen",
    )


def _frame_nodes(plan: ViewPlan) -> list[Node]:
    """Start who publishes the frames of the robot and of the commanded one."""
    nodes = []
    if plan.robot_frames is FrameSource.STATE_PUBLISHER:
        nodes.append(
            _state_publisher(plan, "robot_frames", joint_topics(plan.contents, StreamKind.JOINT)[0], prefix="")
        )
    if plan.commanded_frames is FrameSource.STATE_PUBLISHER:
        played = harmless_topic(joint_topics(plan.contents, StreamKind.COMMAND)[0])
        nodes.append(_state_publisher(plan, "commanded_frames", played, prefix=f"{COMMANDED_PREFIX}/"))
        root = plan.contents.fixed_frame
        nodes.append(
            Node(
                package="tf2_ros",
                executable="static_transform_publisher",
                name="commanded_root",
                arguments=["--frame-id", root, "--child-frame-id", f"{COMMANDED_PREFIX}/{root}"],
            )
        )
    ours = {"robot": plan.robot_frames is FrameSource.OURS, "commanded": plan.commanded_frames is FrameSource.OURS}
    if any(ours.values()):
        nodes.append(_node("tf_publisher", {"bag": str(plan.contents.path), **ours}))
    return nodes


def _show_nodes(plan: ViewPlan, *, touch_full_scale: float) -> list[Node]:
    """Start who makes markers and pictures from what is played; only the first needs to hear the clock."""
    bag = str(plan.contents.path)
    nodes = [_node("bag_markers", {"bag": bag, "use_sim_time": True})]
    if plan.touch:
        nodes.append(_node("touch_markers", {"bag": bag, "full_scale": touch_full_scale}))
    compressed = [camera.stream.topic for camera in plan.cameras if camera.is_decoded]
    if compressed:
        nodes.append(_node("image_decoder", {"topics": compressed}))
    return nodes


def _rviz(config: str) -> Node:
    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        arguments=["-d", config],
        parameters=[{"use_sim_time": True}],
        on_exit=Shutdown(reason="rviz2 was closed"),
    )


def _install(packages: str) -> str:
    distribution = os.environ.get("ROS_DISTRO", "<distribution>")
    return "sudo apt install " + " ".join(f"ros-{distribution}-{name.replace('_', '-')}" for name in packages.split())


def start(context: LaunchContext) -> list[Node | LogInfo]:
    """Look into the bag, decide, say what is missing, and start."""
    wishes = Wishes(
        commanded=bool(_argument(context, "commanded", _bool)), touch=bool(_argument(context, "touch", _bool))
    )
    given = {
        name: _argument(context, name, read)
        for name, (read, _) in PARAMETERS.items()
        if LaunchConfiguration(name).perform(context)
    }
    installed = Installed(
        state_publisher=is_package_installed("robot_state_publisher") and is_package_installed("tf2_ros"),
        tf2_messages=is_type_installed(TF_TYPE),
        compressed_transport=is_package_installed(COMPRESSED_TRANSPORT),
    )
    plan = make_plan(read_contents(Path(str(given["bag"])).expanduser()), installed, wishes)
    folder = Path(os.environ.get("ROS_HOME") or Path.home() / ".ros") / PACKAGE
    own = LaunchConfiguration("rviz_config").perform(context)
    config = own or str(write_config(plan, BASE_CONFIG, folder))
    said = [f"rviz configuration: {config}", *plan.notes]
    if commands := _commands(plan):
        said.append(f"commands, not played under their own names: {', '.join(commands)}")
    wants_rviz = bool(_argument(context, "rviz", _bool))
    has_rviz = wants_rviz and is_package_installed("rviz2")
    if wants_rviz and not has_rviz:
        said.append(f"rviz2 is not installed ({_install('rviz2 robot_state_publisher')}); elsewhere: rviz2 -d {config}")
    nodes = [
        _player(plan, given, has_rviz=has_rviz),
        *_frame_nodes(plan),
        *_show_nodes(plan, touch_full_scale=float(str(_argument(context, "touch_full_scale", float)))),
        *([_rviz(config)] if has_rviz else []),
    ]
    return [*(LogInfo(msg=text) for text in said), *nodes]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the player and what shows it."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, description=description)
                if name == "bag"
                else DeclareLaunchArgument(name, default_value="", description=description)
                for name, (_, description) in PARAMETERS.items()
            ),
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            OpaqueFunction(function=start),
        ]
    )
