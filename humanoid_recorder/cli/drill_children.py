"""The robot and the recorder of a drill as child processes, and this process in their ROS domain."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from humanoid_recorder.cli.demo_children import DemoChild, with_profile
from humanoid_recorder.cli.node_child import ParameterValue, write_parameters
from humanoid_recorder.ros.share import share_directory
from humanoid_recorder.sim.synthetic_config import SyntheticRobotConfig
from humanoid_recorder.spec.yaml_source import load_yaml

ROBOT_REPORT = "sent.json"
"""In the scratch folder: what the robot says at its end."""
SYNC_NOTES = "syncs"
"""There, too: what the recorder synced when."""
_PICTURES = 2
"""Different pictures of each camera: to draw the usual thirty takes longer than the rest of a start."""


def robot_config() -> SyntheticRobotConfig:
    """Return the synthetic robot as it comes with the package, quick to start."""
    config = load_yaml(share_directory() / "config" / "synthetic" / "default.yaml", SyntheticRobotConfig)
    cameras = tuple(camera.model_copy(update={"loop_frames": _PICTURES}) for camera in config.cameras)
    return config.model_copy(update={"cameras": cameras})


def numbered_topics(config: SyntheticRobotConfig) -> frozenset[str]:
    """Return the topics whose messages carry a running number."""
    infos = {camera.info_topic for camera in config.cameras if camera.info_topic}
    return frozenset({stream.topic for stream in config.streams} | infos)


def start_robot(config: SyntheticRobotConfig, scratch: Path, environment: Mapping[str, str]) -> DemoChild:
    """Start the robot."""
    path = scratch / "robot.yaml"
    path.write_text(config.model_dump_json())
    parameters: dict[str, ParameterValue] = {
        "config": str(path),
        "report": str(scratch / ROBOT_REPORT),
        "stop_with_parent": os.getpid(),
    }
    dds = share_directory() / "config" / "dds" / "quick_repair.xml"
    return _start("humanoid_recorder.nodes.synthetic_robot", [], parameters, scratch, with_profile(environment, dds))


def start_recorder(folder: Path, scratch: Path, environment: Mapping[str, str]) -> DemoChild:
    """Start the recorder, which makes its session in a folder."""
    profile = share_directory() / "config" / "robots" / "synthetic.yaml"
    parameters: dict[str, ParameterValue] = {
        "profile": str(profile),
        "out": str(folder.absolute()),
        "stop_with_parent": os.getpid(),
    }
    notes = str(scratch / SYNC_NOTES)
    return _start("humanoid_recorder.cli.drill_recorder", [notes], parameters, scratch, environment)


def _start(
    module: str,
    words: list[str],
    parameters: Mapping[str, ParameterValue],
    scratch: Path,
    environment: Mapping[str, str],
) -> DemoChild:
    name = module.rpartition(".")[2]
    file = scratch / f"{name}_parameters.yaml"
    write_parameters(file, parameters)
    arguments = [*words, "--ros-args", "--params-file", str(file), "--log-level", "warn"]
    return DemoChild(module, arguments, environment=environment, log=scratch / f"{name}.log")


@contextmanager
def own_environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Have this process talk in the children's domain: DDS reads the environment when a client is made."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(environment)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
