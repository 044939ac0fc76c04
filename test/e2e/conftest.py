"""What end-to-end tests share: the command as a user calls it, and a robot to record.

Typing a fixture in a test: ``if TYPE_CHECKING: from test.e2e.conftest import StartCommand`` and a quoted annotation (at
run time ``test`` would be the package of the standard library).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Protocol

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0
"""How long a test waits for something that is bound to happen."""
STOP_S = 8.0

SMALL_ROBOT = """
robot_description_topic: null
joint_states:
  - {topic: /joint_states, rate_hz: 200, joints: [left_knee_joint, right_knee_joint]}
imus:
  - {topic: /imu/data, rate_hz: 100}
poses:
  - {topic: /hand, rate_hz: 50, silent: true}
"""


class StartCommand(Protocol):
    """Starts ``humanoid-recorder <arguments>`` in the test's domain and folder."""

    def __call__(self, *arguments: str) -> "Running": ...


class StartRobot(Protocol):
    """Starts a synthetic robot and returns when it publishes."""

    def __call__(self, config: str = SMALL_ROBOT) -> "Running": ...


class Running:
    """A process whose two outputs are read line by line."""

    def __init__(self, command: Sequence[str], *, folder: Path) -> None:
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=("stdout", self.process.stdout)),
            threading.Thread(target=self._read, args=("stderr", self.process.stderr)),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        with self._news:
            return "".join(self._lines["stdout"])

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        with self._news:
            return "".join(self._lines["stderr"])

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until its standard error matches a regular expression."""
        deadline_s = time.monotonic() + WAIT_S
        with self._news:
            while (found := re.search(pattern, "".join(self._lines["stderr"]))) is None:
                if self.process.poll() is not None or time.monotonic() > deadline_s:
                    pytest.fail(f"{pattern!r} did not come; it said:\n{''.join(self._lines['stderr'])}")
                self._news.wait(0.1)
            return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process only."""
        self.process.send_signal(number)

    def wait(self, *, timeout_s: float = WAIT_S) -> int:
        """Wait for its end and return its exit code; all its output is there afterwards."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {timeout_s} s; it said:\n{self.stderr}")
        for reader in self._readers:
            reader.join(STOP_S)
        return code

    def end(self) -> None:
        """End it, gently if it lets itself be."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(STOP_S)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            with self._news:
                self._lines[name].append(line)
                self._news.notify_all()


def installed_command() -> list[str]:
    """How the command is called: as installed, else as it stands in this checkout."""
    installed = shutil.which("humanoid-recorder")
    return [installed] if installed else [sys.executable, "-P", "-m", "humanoid_recorder.cli.main"]


def python_path() -> str:
    """PYTHONPATH for it: the checkout, unless it is installed."""
    return os.environ.get("PYTHONPATH", "") if shutil.which("humanoid-recorder") else str(CHECKOUT)


@pytest.fixture
def command_line(domain_id: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the command is called in the test's domain."""
    monkeypatch.setenv("PYTHONPATH", python_path())
    return installed_command()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    """One short demo, with its JSON on standard output; it has its own private ROS domain."""
    folder = tmp_path_factory.mktemp("demo")
    return subprocess.run(
        [
            *installed_command(),
            "demo",
            "--robot",
            "synthetic",
            "--seconds",
            "2",
            "--episodes",
            "1",
            "--json",
            "--out",
            str(folder / "out"),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": python_path()},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def command(command_line: list[str], tmp_path: Path) -> Iterator[StartCommand]:
    with ExitStack() as stack:

        def start(*arguments: str) -> Running:
            running = Running([*command_line, *arguments], folder=tmp_path)
            stack.callback(running.end)
            return running

        yield start


@pytest.fixture
def robot(command_line: list[str], tmp_path: Path) -> Iterator[StartRobot]:
    with ExitStack() as stack:

        def start(config: str = SMALL_ROBOT) -> Running:
            path = tmp_path / "robot_config.yaml"
            path.write_text(config)
            module = "humanoid_recorder.nodes.synthetic_robot"
            running = Running([sys.executable, "-m", module, "--ros-args", "-p", f"config:={path}"], folder=tmp_path)
            stack.callback(running.end)
            running.wait_for("publishing")
            return running

        yield start
