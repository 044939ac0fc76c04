"""``humanoid-recorder record`` as an operator uses it: a pseudo-terminal, keys, and what is on the screen."""

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.e2e.conftest import StartRobot, StartTerminal

WAIT_S = 30.0
FROM_TOPICS = ("record", "--topics", "/joint_states", "/imu/data", "--out", "out", "--task", "fold the towel")


def episodes(folder: Path, pattern: str = "*") -> list[EpisodeFile]:
    return [EpisodeFile.read(path.parent) for path in sorted(folder.glob(f"out/*/{pattern}/episode.json"))]


def test_an_operator_records_labels_discards_brings_back_and_quits(
    terminal: "StartTerminal", robot: "StartRobot", tmp_path: Path
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
    terminal: "StartTerminal", robot: "StartRobot", tmp_path: Path
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
    number: signal.Signals, terminal: "StartTerminal", robot: "StartRobot", tmp_path: Path
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
    terminal: "StartTerminal", robot: "StartRobot", tmp_path: Path
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
    terminal: "StartTerminal", tmp_path: Path
) -> None:
    screen = terminal("record", "--all", "--out", "missing/out")
    assert screen.wait() == 1
    assert re.search(r"error:.*The recorder ended with exit code 1; it said:", screen.text)
    assert "missing does not exist" in screen.text.rpartition("it said:")[2]
    assert screen.settings() == screen.settings_before
