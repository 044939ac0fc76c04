"""What end-to-end tests share: the command as a user calls it, and a robot to record.

Typing a fixture in a test: ``if TYPE_CHECKING: from test.e2e.conftest import StartCommand`` and a quoted annotation (at
run time ``test`` would be the package of the standard library).
"""

import fcntl
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0
"""How long a test waits for something that is bound to happen."""
STOP_S = 8.0

ROWS, COLUMNS = 24, 80
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")

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


class StartTerminal(Protocol):
    """Starts ``humanoid-recorder <arguments>`` at a terminal of its own."""

    def __call__(self, *arguments: str) -> "Terminal": ...


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


class Terminal:
    """The command on a pseudo-terminal of its own, which is its controlling one as over SSH."""

    def __init__(self, command: list[str], *, folder: Path) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.settings_before = self.settings()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(slave)
        self._raw = ""
        self._seen = 0

    @property
    def text(self) -> str:
        """Everything it has shown so far, without colours and cursor movements."""
        return _ESCAPE_SEQUENCE.sub("", self._raw)

    def settings(self) -> list[Any]:
        """Return the terminal's settings: echo, line mode and so on."""
        return termios.tcgetattr(self._master)

    def press(self, keys: str) -> None:
        """Type, and look only at what is shown from now on."""
        self._seen = len(self.text)
        os.write(self._master, keys.encode())

    def wait_for(self, pattern: str) -> None:
        """Wait until a regular expression matches what has been shown since the last key."""
        deadline_s = time.monotonic() + WAIT_S
        while not re.search(pattern, self.text[self._seen :]):
            if time.monotonic() > deadline_s or not self._read(0.2):
                pytest.fail(f"{pattern!r} did not come; the screen showed:\n{self.text[-4000:]}")

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        deadline_s = time.monotonic() + WAIT_S
        while self.process.poll() is None and time.monotonic() < deadline_s:
            self._read(0.1)
        while self._read(0):
            pass
        return self.process.wait(0.1)

    def hang_up(self) -> None:
        """Close the terminal, as a broken connection does."""
        os.close(self._master)
        self._master = -1

    def end(self) -> None:
        """End the command and close the terminal."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(WAIT_S)
        if self._master >= 0:
            os.close(self._master)

    def _read(self, timeout_s: float) -> bool:
        """Take what has been written; False when nothing more can come."""
        if self._master < 0:
            time.sleep(timeout_s)
            return False
        if not select.select([self._master], [], [], timeout_s)[0]:
            return timeout_s > 0
        try:
            data = os.read(self._master, 65536)
        except OSError:  # every process has closed it
            return False
        self._raw += data.decode(errors="replace")
        return True


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


@pytest.fixture
def terminal(command_line: list[str], tmp_path: Path) -> Iterator[StartTerminal]:
    with ExitStack() as stack:

        def start(*arguments: str) -> Terminal:
            running = Terminal([*command_line, *arguments], folder=tmp_path)
            stack.callback(running.end)
            return running

        yield start
