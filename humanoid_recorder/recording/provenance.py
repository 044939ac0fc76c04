"""Where an episode came from and what recorded it."""

import functools
import importlib.metadata
import os
import platform
from collections.abc import Mapping

from humanoid_recorder.recording.clock_sync import is_clock_synchronised
from humanoid_recorder.spec.profile import LoadedProfile
from humanoid_recorder.storage.episode_file import ProvenanceRecord


def collect_provenance(profile: LoadedProfile | None, *, robot: str, middleware: str) -> ProvenanceRecord:
    """Collect what is known of this robot, host and software.

    Args:
        profile: The robot profile; None for recordings without one.
        robot: The robot's name as it stands in folder names.
        middleware: The RMW implementation's identifier.
    """
    return ProvenanceRecord(
        robot=robot,
        robot_serial=profile.profile.robot.serial if profile else "",
        profile_path=str(profile.path) if profile else "",
        profile_sha256=profile.sha256 if profile else "",
        profile_text=profile.source_text if profile else "",
        urdf_sha256=(profile.urdf_sha256 or "") if profile else "",
        host=platform.node(),
        software=dict(_software(middleware)),
        clock_synchronised=is_clock_synchronised(),
    )


@functools.cache  # asked at every start, and does not change while we run
def _software(middleware: str) -> Mapping[str, str]:
    return {
        "humanoid_recorder": _version("humanoid_recorder"),
        "python": platform.python_version(),
        "ros_distro": ros_distro(),
        "rmw": middleware,
        "mcap": _version("mcap"),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def ros_distro() -> str:
    """Return the name of the ROS 2 distribution: ROS_DISTRO, or what the version of the rclpy wheel implies."""
    named = os.environ.get("ROS_DISTRO", "")
    if named:
        return named
    major = _version("rclpy").split(".", 1)[0]
    return {"7": "jazzy", "9": "kilted"}.get(major, "unknown")
