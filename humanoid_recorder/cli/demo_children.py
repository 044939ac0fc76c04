"""The two processes of a demo, the robot and the recorder, on a network of their own."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import humanoid_recorder
from humanoid_recorder.cli.doctor_ros import profile_variable
from humanoid_recorder.core.errors import RosError
from humanoid_recorder.recording.provenance import ros_distro

_NETWORK_VARIABLES = (
    "ROS_LOCALHOST_ONLY",
    "ROS_STATIC_PEERS",
    "ROS_DISCOVERY_SERVER",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "CYCLONEDDS_URI",
)
"""Each could lead out of this computer."""
_DOMAINS = range(1, 102)
_FIRST_PORT, _PORTS_PER_DOMAIN = 7400, 250
"""DDSI-RTPS 2.5, 9.6.2.4: which UDP ports belong to a domain."""
_UDP_TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))
_END_S = 3.0
_PACKAGE_ROOT = str(Path(humanoid_recorder.__file__).parents[1])


def busy_domains(udp_tables: Iterable[str]) -> set[int]:
    """Tell from the kernel's tables of UDP sockets which DDS domains are in use on this computer.

    Args:
        udp_tables: Texts of ``/proc/net/udp`` and ``udp6``.
    """
    ports = {
        int(line.split()[1].rpartition(":")[2], 16) for table in udp_tables for line in table.splitlines()[1:] if line
    }
    return {(port - _FIRST_PORT) // _PORTS_PER_DOMAIN for port in ports if port >= _FIRST_PORT}


def with_profile(environment: Mapping[str, str], profile: Path) -> dict[str, str]:
    """Add a Fast DDS profile.

    Args:
        environment: To add to.
        profile: As Fast DDS 3 reads it. For Jazzy, whose Fast DDS 2 spells some elements differently, a file of the
            same name with ``_jazzy`` stands beside it.
    """
    distribution = ros_distro()
    file = profile.with_stem(f"{profile.stem}_jazzy") if distribution == "jazzy" else profile
    return {**environment, profile_variable(distribution): str(file)}


def private_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment in which ROS talks to nobody outside of this computer, in a domain nobody uses here.

    Raises:
        RosError: Every domain is in use.
    """
    tables = [table.read_text() for table in _UDP_TABLES if table.is_file()]
    free = sorted(set(_DOMAINS) - busy_domains(tables) - {int(environment.get("ROS_DOMAIN_ID") or 0)})
    if not free:
        raise RosError("Every ROS domain is in use on this computer.", remedy="Stop some of what is running.")
    return {
        **{name: value for name, value in environment.items() if name not in _NETWORK_VARIABLES},
        "ROS_DOMAIN_ID": str(random.choice(free)),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        # Its children run from the same source, wherever they are started.
        "PYTHONPATH": os.pathsep.join(filter(None, (_PACKAGE_ROOT, environment.get("PYTHONPATH", "")))),
        "PYTHONUNBUFFERED": "1",
    }


class DemoChild:
    """A module of this package as a process of its own; Ctrl-C in the terminal does not reach it.

    Args:
        module: Its name.
        arguments: Its command line.
        environment: Its environment.
        log: Gets what it says on stderr, and on stdout unless ``results`` is given.
        results: Gets its standard output.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        results: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("wb") as messages, (results or log).open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=messages,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """Kill it as a crash would: it gets no chance to do anything any more."""
        self._process.kill()

    def interrupt(self) -> None:
        """Ask it to end."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGINT)

    def wait_or_kill(self, deadline_s: float) -> None:
        """Wait for its end until a time of the monotonic clock, then kill it and what it started."""
        try:
            self._process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def last_words(self, lines: int = 6) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def end_all(children: Iterable[DemoChild]) -> None:
    """End them at the same time, within 3 s."""
    children = list(children)
    for child in children:
        child.interrupt()
    deadline_s = time.monotonic() + _END_S
    for child in children:
        child.wait_or_kill(deadline_s)
