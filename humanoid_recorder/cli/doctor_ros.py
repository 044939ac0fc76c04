"""Checks of ROS 2: readings of the environment and of a self test in another process, and what follows from them."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from humanoid_recorder.cli.doctor_finding import Finding, ok, problem, warning
from humanoid_recorder.cli.doctor_machine import InterfaceReading
from humanoid_recorder.core.errors import RosError
from humanoid_recorder.ros.share import share_directory

Environment = Mapping[str, str]

_SELF_TEST = "humanoid_recorder.ros.self_test"
_SELF_TEST_S = 20.0
_SUPPORTED = ("jazzy", "kilted")
_RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")
_HIGHEST_SAFE_DOMAIN = 101
"""Above it the ports of DDS meet those that Linux hands out to anybody."""
_SLOW_ROUND_TRIP_MS = 20.0
_LARGE_IMAGES = "config/dds/large_images.xml"
_SEGMENT_SIZE = re.compile(r"<segment_size>\s*(\d+)\s*</segment_size>")


@dataclass(frozen=True, slots=True)
class SelfTestReading:
    """What the self test printed: the parts of ``ros.self_test`` as plain JSON, and how it ended."""

    parts: dict[str, dict[str, Any]]
    """``ros``, ``round_trip`` and ``graph``, as far as it came."""
    failure: str = ""
    """Last line of its complaint; empty when it went through."""


def run_self_test(namespace: str) -> SelfTestReading:
    """Run the self test; it may hang or crash without harm."""
    process = subprocess.Popen(
        [sys.executable, "-m", _SELF_TEST, "--namespace", namespace],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that it and its echo can be ended together
    )
    timed_out = False
    try:
        output, complaint = process.communicate(timeout=_SELF_TEST_S)
    except subprocess.TimeoutExpired:
        timed_out = True
        os.killpg(process.pid, signal.SIGKILL)
        output, complaint = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return read_self_test(output, complaint, process.returncode, timed_out=timed_out)


def read_self_test(output: str, complaint: str, exit_code: int, *, timed_out: bool = False) -> SelfTestReading:
    """Collect what the self test printed before it ended."""
    parts: dict[str, dict[str, Any]] = {}
    for line in output.splitlines():
        if line.startswith("{"):
            parts |= json.loads(line)
    if timed_out:
        return SelfTestReading(parts, f"it hung for {_SELF_TEST_S:.0f} s")
    if exit_code < 0:
        return SelfTestReading(parts, f"it crashed ({signal.Signals(-exit_code).name})")
    lines = [line for line in complaint.splitlines() if line.strip()]
    return SelfTestReading(parts, (lines or ["it said nothing"])[-1] if exit_code else "")


def judge_ros(reading: SelfTestReading, distribution: str) -> Finding:
    """Judge the installation."""
    part = reading.parts.get("ros")
    if part is None:
        return problem(
            "ros",
            f"ROS 2 does not load: {reading.failure}",
            "Source your ROS 2 (source /opt/ros/jazzy/setup.bash), or install it as wheels (Linux x86_64): "
            "pip install '.[ros]' in this package's checkout.",
        )
    found = f"{distribution}, rclpy {part['rclpy_version'] or 'of unknown version'}"
    if part["missing"]:
        names = " ".join(part["missing"])
        return problem("ros", f"{found}; missing: {names}", f"Install the message packages {names}.")
    if distribution not in _SUPPORTED:
        return warning("ros", found, "Jazzy and Kilted are tested; others may work.")
    if part["missing_optional"]:
        found += f" (without {' '.join(part['missing_optional'])}: /tf can be recorded only where it is installed)"
    return ok("ros", found)


def judge_middleware(reading: SelfTestReading) -> Finding:
    """Judge what loss can be known."""
    part = reading.parts.get("ros")
    if part is None:
        return problem("middleware", "ROS 2 does not load", "See the check `ros`.")
    rmw = str(part["rmw"])
    if "fastrtps" in rmw:
        return ok("middleware", f"{rmw} (Fast DDS): numbers every message, so that loss is counted")
    if "cyclone" in rmw:
        return warning(
            "middleware",
            f"{rmw} (Cyclone DDS): gives no sequence numbers, so that loss before the recorder is unknown",
            "export RMW_IMPLEMENTATION=rmw_fastrtps_cpp on the robot and here, if you can.",
        )
    return warning("middleware", f"{rmw}: not tested", "export RMW_IMPLEMENTATION=rmw_fastrtps_cpp, if you can.")


def judge_domain(environment: Environment) -> Finding:
    """Judge ROS_DOMAIN_ID."""
    text = environment.get("ROS_DOMAIN_ID", "")
    if not text:
        return ok("domain", "ROS_DOMAIN_ID is not set: domain 0, which everybody shares by default")
    if not text.isdecimal() or int(text) > 232:
        return problem("domain", f"ROS_DOMAIN_ID is {text!r}", "It must be a number from 0 to 101.")
    if int(text) > _HIGHEST_SAFE_DOMAIN:
        return warning("domain", f"ROS_DOMAIN_ID is {text}: its ports may be in use by other programs", "Use 0 to 101.")
    return ok("domain", f"ROS_DOMAIN_ID is {text}")


def judge_network(environment: Environment, interfaces: Sequence[InterfaceReading]) -> Finding:
    """Judge how far discovery reaches, and whether anything is there to reach."""
    reach = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "").upper()
    if reach and reach not in _RANGES:
        return problem(
            "network", f"ROS_AUTOMATIC_DISCOVERY_RANGE is {reach!r}", f"It must be one of {', '.join(_RANGES)}."
        )
    if environment.get("ROS_LOCALHOST_ONLY", "0") == "1":
        return warning(
            "network",
            "ROS_LOCALHOST_ONLY=1 (old style): only nodes of this computer are seen, whatever the range says",
            "unset ROS_LOCALHOST_ONLY, and set ROS_AUTOMATIC_DISCOVERY_RANGE instead.",
        )
    if reach == "OFF":
        return warning("network", "ROS_AUTOMATIC_DISCOVERY_RANGE=OFF: nobody is discovered", "Unset it.")
    if reach == "LOCALHOST":
        return ok("network", "LOCALHOST: only nodes of this computer are seen")
    usable = [each.name for each in interfaces if each.can_discover]
    if usable:
        return ok("network", f"SUBNET: nodes on this network are seen, by multicast on {', '.join(usable)}")
    return warning(
        "network",
        "SUBNET, but no network interface is up that carries multicast: other computers are not discovered",
        "Connect the network, or `sudo ip link set <interface> multicast on`; name peers with ROS_STATIC_PEERS.",
    )


def profile_variable(distribution: str) -> str:
    """Return the variable that names Fast DDS's profile file: it was renamed with Fast DDS 3."""
    return "FASTRTPS_DEFAULT_PROFILES_FILE" if distribution == "jazzy" else "FASTDDS_DEFAULT_PROFILES_FILE"


def judge_large_messages(reading: SelfTestReading, environment: Environment, distribution: str) -> Finding:
    """Judge whether raw images fit the shared-memory segment."""
    name, variable = "large messages", profile_variable(distribution)
    file = environment.get(variable, "")
    if file:
        return _judge_profile(variable, Path(file))
    images = reading.parts.get("graph", {}).get("raw_image_topics", ())
    found = f"{variable} is not set: Fast DDS's segment of 512 kB holds no raw image (640 x 480 rgb8 is 922 kB)"
    if not images:
        return ok(name, f"{found}; none is published now, compressed ones are fine")
    return warning(
        name,
        f"{found}, and there are {', '.join(images)}",
        "Record compressed images, or start the cameras and the recorder with "
        f"{variable}={_shipped_profile(environment)}",
    )


def _shipped_profile(environment: Environment) -> str:
    """Return where the profile with large segments is, or where to look for it."""
    try:
        return str(share_directory(environment) / _LARGE_IMAGES)
    except RosError:
        return f"share/humanoid_recorder/{_LARGE_IMAGES}"


def _judge_profile(variable: str, file: Path) -> Finding:
    try:
        sizes = [int(size) for size in _SEGMENT_SIZE.findall(file.read_text())]
    except OSError as error:
        return problem(
            "large messages",
            f"{variable} is {file}: {error.strerror or error}",
            f"Correct the path, or unset {variable}.",
        )
    if not sizes:
        return ok("large messages", f"{variable} is {file}; it sets no shared-memory segment size")
    return ok("large messages", f"{variable} is {file}, segments of {max(sizes) / 1e6:.0f} MB")


def judge_round_trip(reading: SelfTestReading) -> Finding:
    """Judge whether messages really go from process to process."""
    part = reading.parts.get("round_trip")
    if part is None:
        return problem("round trip", f"no message was exchanged: {reading.failure}", "See the check `ros`.")
    if not part["sent"]:
        return problem(
            "round trip",
            "two processes on this computer did not discover each other",
            "Allow UDP on the loopback and multicast in the firewall; unset ROS_DISCOVERY_SERVER.",
        )
    found = f"{part['received']} of {part['sent']} messages came back"
    if part["received"] < part["sent"]:
        return problem("round trip", found, "Free /dev/shm, and stop what keeps the processors busy; then try again.")
    found += f", median {part['median_ms']:.1f} ms, longest {part['max_ms']:.1f} ms there and back"
    found += f"; sequence numbers {_yes(part['sequence_numbers'])}, publisher ids {_yes(part['publisher_ids'])}"
    if part["median_ms"] > _SLOW_ROUND_TRIP_MS:
        return warning("round trip", found, "Stop what keeps the processors busy.")
    if not part["sequence_numbers"]:
        return warning("round trip", f"{found}: loss stays unknown", "Use Fast DDS (see the check `middleware`).")
    return ok("round trip", found)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def judge_twin(reading: SelfTestReading, namespace: str) -> Finding:
    """Judge whether a recorder started here would be refused."""
    part = reading.parts.get("graph")
    name = f"{namespace.rstrip('/')}/recorder"
    if part is None:
        return problem("recorder", f"the network was not looked at: {reading.failure}", "See the check `ros`.")
    if part["twin"]:
        return warning(
            "recorder",
            f"{name} is running already; another one under that name is refused",
            "Use that one, stop it, or start yours in a namespace of its own.",
        )
    return ok("recorder", f"no {name} is running, {part['nodes']} other nodes are seen")


def check_package(environment: Environment = os.environ) -> Finding:
    """Look at our own installation."""
    try:
        own = version("humanoid_recorder")
    except PackageNotFoundError:
        own = "of a source checkout"
    try:
        share = share_directory(environment)
    except RosError as error:
        return problem("package", f"humanoid_recorder {own}: {error.message}", error.remedy)
    if not (share / "config" / "robots").is_dir():
        return problem("package", f"{share} has no config/robots", "Install the package again, not with `pip -e`.")
    return ok("package", f"humanoid_recorder {own}, files in {share}")
