"""``humanoid-recorder record`` as an operator uses it: a pseudo-terminal, keys, and what is on the screen."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.e2e.conftest import StartRobot

WAIT_S = 30.0
ROWS, COLUMNS = 24, 80
FROM_TOPICS = ("record", "--topics", "/joint_states", "/imu/data", "--out", "out", "--task", "fold the towel")
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")


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


class StartTerminal(Protocol):
    def __call__(self, *arguments: str) -> Terminal: ...


@pytest.fixture
def terminal(command_line: list[str], tmp_path: Path) -> Iterator[StartTerminal]:
    with ExitStack() as stack:

        def start(*arguments: str) -> Terminal:
            running = Terminal([*command_line, *arguments], folder=tmp_path)
            stack.callback(running.end)
            return running

        yield start


def episodes(folder: Path, pattern: str = "*") -> list[EpisodeFile]:
    return [EpisodeFile.read(path.parent) for path in sorted(folder.glob(f"out/*/{pattern}/episode.json"))]


def test_an_operator_records_labels_discards_brings_back_and_quits(
    terminal: StartTerminal, robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    screen = terminal(*FROM_TOPICS)
    screen.wait_for(r" READY .*fold the towel")
    screen.press("s")
    screen.wait_for("none was stopped in the last 30 s")
    screen.press("?")
    screen.wait_for("foot pedal")
    screen.press("?\x1b[A")  # an arrow, whose sequence ends in a letter
    screen.press(" ")
    screen.wait_for(" RECORDING 00:01 ")
    screen.press("m")
    screen.wait_for("marked")
    screen.press("s")
    screen.wait_for(r"last success .* lost 0 +dropped 0")
    screen.press("   ")  # a pedal that is held down
    screen.wait_for(" RECORDING 00:01 ")
    screen.press("d")
    screen.wait_for("1 episode kept, 1 discarded")
    screen.press("u")
    screen.wait_for("2 episodes kept ")
    screen.press("\n")
    screen.wait_for(" RECORDING 00:00 ")
    screen.press("q")
    screen.wait_for("press q again")
    screen.press("q")
    assert screen.wait() == 0
    assert "3 episodes kept: " in screen.text
    assert screen.settings() == screen.settings_before
    assert "\x1b[?1049l" in screen._raw  # back from the alternate screen
    found = episodes(tmp_path)
    assert [episode.outcome for episode in found] == ["success", "unlabelled", "unlabelled"]
    assert [episode.stop.end for episode in found if episode.stop] == ["stopped"] * 3
    assert found[0].labels.task == "fold the towel"
    assert found[0].ledger["/recorder/events"].written == 1


def test_a_silent_stream_is_shown_and_a_start_refused_with_its_name(
    terminal: StartTerminal, robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    screen = terminal("record", "--topics", "/joint_states", "/nope", "--out", "out")
    screen.wait_for(" WAITING for /nope ")
    screen.wait_for("/nope: nobody publishes /nope")
    screen.press(" ")
    screen.wait_for("Nothing arrives on /nope")
    screen.process.send_signal(signal.SIGTERM)
    assert screen.wait() == 0
    assert screen.settings() == screen.settings_before
    assert episodes(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_recording_seals_and_restores_the_terminal(
    number: signal.Signals, terminal: StartTerminal, robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    screen = terminal(*FROM_TOPICS)
    screen.wait_for(" READY ")
    screen.press(" ")
    screen.wait_for(" RECORDING 00:00 ")
    if number is signal.SIGINT:
        screen.press("\x03")  # Ctrl-C, which the terminal turns into the signal
    else:
        screen.process.send_signal(number)
    assert screen.wait() == 0
    assert "1 episode kept: " in screen.text
    assert screen.settings() == screen.settings_before
    (episode,) = episodes(tmp_path)
    assert episode.stop is not None
    assert (episode.stop.end, episode.stop.detail) == ("cancelled", number.name)


def test_a_connection_that_breaks_while_recording_leaves_a_sealed_episode(
    terminal: StartTerminal, robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    screen = terminal(*FROM_TOPICS)
    screen.wait_for(" READY ")
    screen.press(" ")
    screen.wait_for(" RECORDING 00:00 ")
    screen.hang_up()
    assert screen.wait() == 0
    (episode,) = episodes(tmp_path)
    assert episode.stop is not None
    assert (episode.stop.end, episode.stop.detail) == ("cancelled", "SIGHUP")


def test_a_recorder_that_cannot_start_is_quoted_after_the_table_has_gone(
    terminal: StartTerminal, tmp_path: Path
) -> None:
    screen = terminal("record", "--all", "--out", "missing/out")
    assert screen.wait() == 1
    assert re.search(r"error:.*The recorder ended with exit code 1; it said:", screen.text)
    assert "missing does not exist" in screen.text.rpartition("it said:")[2]
    assert screen.settings() == screen.settings_before
