"""An rviz configuration made for one bag: what it has is shown, and nothing else."""

from pathlib import Path
from typing import Any

import yaml

from humanoid_recorder.core.errors import SessionError, SpecError
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection import rviz_displays as rviz
from humanoid_recorder.inspection.topics import COMMANDED_PREFIX, TIMELINE, harmless_topic, markers_topic
from humanoid_recorder.inspection.view_plan import FrameSource, ViewPlan

POSE, POSES = "geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseArray"
_WRENCH = "geometry_msgs/msg/WrenchStamped"
_POSED_KINDS = (StreamKind.OPERATOR, StreamKind.MOCAP, StreamKind.OBJECT)
_COMMANDED_ALPHA = 0.35


def displays_of(plan: ViewPlan) -> list[rviz.Display]:
    """Return the displays for a bag."""
    contents = plan.contents
    shown: list[rviz.Display] = []
    description = next((stream for stream in contents.streams if stream.topic == contents.description_topic), None)
    if description is not None and contents.urdf is not None:
        shown.append(rviz.RobotModel("Robot", description.topic, description.qos))
        if plan.commanded_frames is not FrameSource.NOBODY:
            shown.append(
                rviz.RobotModel(
                    "Commanded robot",
                    description.topic,
                    description.qos,
                    tf_prefix=COMMANDED_PREFIX,
                    alpha=_COMMANDED_ALPHA,
                )
            )
    if plan.robot_frames is not FrameSource.NOBODY:
        shown.append(rviz.Frames("Frames"))
    for stream in contents.of_kind(*_POSED_KINDS):
        topic = harmless_topic(stream.topic) if stream.kind is StreamKind.OPERATOR else stream.topic
        if stream.type == POSE:
            shown.append(rviz.Pose(stream.name, topic, stream.qos))
        elif stream.type == POSES:
            shown.append(rviz.PoseArray(stream.name, topic, stream.qos))
    wrenches = [stream for stream in contents.of_kind(StreamKind.WRENCH) if stream.type == _WRENCH]
    shown += [rviz.Wrench(stream.name, stream.topic, stream.qos) for stream in wrenches]
    shown += [rviz.Markers(stream.name, markers_topic(stream.topic), rviz.OURS_LATCHED) for stream in plan.touch]
    shown.append(rviz.Markers("Events and findings", TIMELINE, rviz.OURS_LATCHED))
    shown += [
        rviz.Picture(camera.stream.name, camera.shown_topic, rviz.OURS if camera.is_decoded else camera.stream.qos)
        for camera in plan.cameras
    ]
    return shown


def make_config(plan: ViewPlan, base: str) -> str:
    """Write the configuration.

    Args:
        plan: What is shown.
        base: Text of an rviz configuration, to whose displays those of the bag are added.

    Returns:
        YAML for ``rviz2 -d``.

    Raises:
        SpecError: ``base`` is not an rviz configuration.
    """
    try:
        config: Any = yaml.safe_load(base)
        manager = config["Visualization Manager"]
        manager["Global Options"]["Fixed Frame"] = plan.contents.fixed_frame
        manager["Displays"] += [display.config() for display in displays_of(plan)]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise SpecError(f"not an rviz configuration: {error}") from error
    return yaml.safe_dump(config, sort_keys=True, allow_unicode=True)


def write_config(plan: ViewPlan, base: Path, folder: Path) -> Path:
    """Write the configuration for a bag, under the name of the bag.

    Args:
        plan: What is shown.
        base: An rviz configuration to begin with.
        folder: Created where it does not exist; an older file of the same bag is replaced.

    Returns:
        The file.

    Raises:
        SpecError: ``base`` is not an rviz configuration.
        SessionError: A file cannot be read or written.
    """
    path = folder / f"{plan.contents.path.name}.rviz"
    try:
        text = make_config(plan, base.read_text())
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise SessionError(f"{error.filename} cannot be used: {error.strerror or error}.") from error
    return path
