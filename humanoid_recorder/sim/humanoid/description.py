"""Where the robot comes from: the G1 URDF of the installed package ``example-robot-data``."""

import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from humanoid_recorder.core.errors import SpecError

_DISTRIBUTION = "example-robot-data"
_BELOW_SHARE = Path("share/example-robot-data/robots/g1_description/urdf/g1_29dof_with_hand_rev_1_0.urdf")


@dataclass(frozen=True, slots=True)
class JointDescription:
    """One moving joint as the URDF has it."""

    name: str
    lower_rad: float
    upper_rad: float
    effort_nm: float
    """Largest torque."""
    velocity_rad_s: float
    """Largest speed."""


def urdf_path() -> Path:
    """Find the URDF of the G1 with hands.

    Returns:
        Path of the file.

    Raises:
        SpecError: The package is not installed.
    """
    for prefix in _prefixes():
        path = prefix / _BELOW_SHARE
        if path.is_file():
            return path
    raise SpecError(
        f"The simulated humanoid needs the robot description {_BELOW_SHARE.name}, which is not installed.",
        remedy="Install the extra: pip install 'humanoid_recorder[sim]'.",
    )


def _prefixes() -> Iterator[Path]:
    """Where the wheel puts its files (cmeel keeps a prefix of its own), then where a system package would."""
    with suppress(metadata.PackageNotFoundError):
        yield Path(str(metadata.distribution(_DISTRIBUTION).locate_file("cmeel.prefix")))
    yield from (Path(entry) / "cmeel.prefix" for entry in sys.path)
    yield Path(sys.prefix)


@cache
def joints() -> tuple[JointDescription, ...]:
    """Read the 43 moving joints in the order of the URDF: legs, waist, left arm and hand, right arm and hand.

    Raises:
        SpecError: The package is not installed.
    """
    root = ET.parse(urdf_path()).getroot()  # noqa: S314 - a file of an installed package
    found = []
    for joint in root.iterfind("joint"):
        limit = joint.find("limit")
        if joint.get("type") == "revolute" and limit is not None:
            numbers = {key: float(value) for key, value in limit.attrib.items()}
            found.append(
                JointDescription(
                    name=joint.get("name", ""),
                    lower_rad=numbers["lower"],
                    upper_rad=numbers["upper"],
                    effort_nm=numbers["effort"],
                    velocity_rad_s=numbers["velocity"],
                )
            )
    return tuple(found)
