"""``humanoid-recorder frames`` on recordings of the simulated humanoid with faults: as the documentation says."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.cli.frames_models import Compared, FramesReport

if TYPE_CHECKING:
    from test.e2e.conftest import StartCommand

PROFILE = Path(__file__).resolve().parents[2] / "config" / "robots" / "g1_sim.yaml"
SECONDS = "3"
STOP_S = 10

RecordFrames = Callable[..., FramesReport]


@pytest.fixture
def record_frames(command: "StartCommand", tmp_path: Path) -> Iterator[RecordFrames]:
    """Records the simulated humanoid with faults and aligns the bag."""
    with ExitStack() as stack:

        def record(*faults: str, profile: Path = PROFILE, code: int = 0) -> FramesReport:
            module = "humanoid_recorder.nodes.sim_humanoid"
            wrong = f"faults:={list(faults)}"
            robot = subprocess.Popen([sys.executable, "-m", module, "--ros-args", "-p", wrong], cwd=tmp_path)
            stack.callback(robot.wait, timeout=STOP_S)
            stack.callback(robot.terminate)
            arguments = ("--seconds", SECONDS, "--wait", "30", "--json", "--out", "out")
            recording = command("record", "--profile", str(profile), *arguments)
            assert recording.wait(timeout_s=60) == 0, recording.stderr
            episode: dict[str, Any] = json.loads(recording.stdout)
            frames = command("frames", episode["path"], "--json")
            assert frames.wait() == code, frames.stdout + frames.stderr
            return FramesReport.model_validate_json(frames.stdout)

        yield record


def test_faults_of_streams_show_as_documented_and_live_is_as_offline(record_frames: RecordFrames) -> None:
    report = record_frames(
        "bursts:joints:36ms", "bursts:imu:250ms", "clock_offset:left_wrench:1700ms", "frozen_camera:head"
    )
    assert report.comparison.result is Compared.EQUAL
    assert report.clock == "head"
    streams = {stream.name: stream for stream in report.streams}
    # Bursts within the hold-off: stamps decide. The first and the last ticks may lack a neighbour.
    assert streams["joints"].ok >= report.ticks - 4
    assert streams["joints"].delay_ms == pytest.approx(19, abs=10)
    # Longer ones spoil the ticks whose samples came too late, and no others.
    assert 0.1 < streams["imu"].ok_share(report.ticks) < 0.5
    # A clock that is ahead: nothing for 1.7 s, then samples that do not look their age. The delay shows it.
    assert 0.3 < streams["left_wrench"].ok_share(report.ticks) < 0.6
    assert any("left_wrench: its times are" in note and "offset_ms: -1" in note for note in report.notes)
    # The same picture with new stamps makes ticks as ever.
    assert report.longest_tick_gap_ms is not None
    assert streams["head"].ok == report.ticks > 60


def test_without_the_clock_stream_there_are_no_frames_and_the_bag_is_bad(
    record_frames: RecordFrames, tmp_path: Path
) -> None:
    profile = tmp_path / "robot.yaml"
    text = PROFILE.read_text()
    profile.write_text(text.replace("  head:\n", "  head:\n    required: false\n"))
    assert profile.read_text() != text
    report = record_frames("silent:head", profile=profile, code=1)
    assert (report.ticks, report.good) == (0, False)
    assert any("There are no frames: head" in note for note in report.notes)
