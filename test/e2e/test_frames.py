"""``humanoid-recorder frames`` as a user calls it, on what was recorded of a robot."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from test.e2e.conftest import StartCommand

CHECKOUT = Path(__file__).resolve().parents[2]
PROFILE = CHECKOUT / "config" / "robots" / "synthetic.yaml"
HEAD_HZ = 30


@pytest.fixture
def bag(demo: "subprocess.CompletedProcess[str]") -> Path:
    return Path(json.loads(demo.stdout)["episodes"][0]["path"])


def test_the_synthetic_robot_is_aligned_and_the_frames_are_those_that_were_recorded(
    command: "StartCommand", bag: Path
) -> None:
    running = command("frames", str(bag), "--json")
    assert running.wait() == 0, running.stdout + running.stderr
    report: dict[str, Any] = json.loads(running.stdout)
    assert report["comparison"]["result"] == "equal"
    assert report["comparison"]["frames"] == report["ticks"]
    assert report["ticks"] == pytest.approx(2 * HEAD_HZ, abs=3)
    assert (report["clock"], report["good"]) == ("head", True)
    # The first and the last frame may lack a neighbour, and a busy computer may deliver late.
    assert report["complete"] >= report["ticks"] - 3 or report["notes"], report
    by_name = {stream["name"]: stream for stream in report["streams"]}
    assert by_name["joints"]["rule"] == "interpolate"
    assert by_name["left_touch"]["rule"] == "latest"
    assert "head_info" not in by_name
    assert by_name["head"]["age_ms"]["max"] == 0
    assert by_name["joints"]["age_ms"]["max"] < 1000 / 500


@pytest.mark.parametrize("columns", ["80", "140"])
def test_the_terminal_shows_every_stream_and_the_verdict(
    command: "StartCommand", bag: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    running = command("frames", str(bag))
    assert running.wait() == 0, running.stderr
    for part in ("operator_joy", "interpolate", "complete: ", "skew of complete ones", "✓ equal to the"):
        assert part in running.stdout
    assert max(len(line.rstrip()) for line in running.stdout.splitlines()[2:]) <= int(columns)


def test_table_and_picture_are_written(command: "StartCommand", bag: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra humanoid_recorder[export]")
    pytest.importorskip("matplotlib", reason="needs the extra humanoid_recorder[view]")
    from pyarrow import parquet

    running = command("frames", str(bag), "--out", "f.parquet", "--plot", "f.png", "--json")
    assert running.wait() == 0, running.stderr
    assert command("frames", str(bag), "--out", "f.txt", "--format", "csv").wait() == 0
    ticks = json.loads(running.stdout)["ticks"]
    table = parquet.read_table(tmp_path / "f.parquet")
    with (tmp_path / "f.txt").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: int(value) for name, value in row.items()} for row in rows] == table.to_pylist()
    assert (len(rows), rows[-1]["tick_index"]) == (ticks, str(ticks - 1))
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_other_rules_than_when_it_was_recorded_are_not_compared(
    command: "StartCommand", bag: Path, tmp_path: Path
) -> None:
    (tmp_path / "rate.yaml").write_text(PROFILE.read_text().replace("clock: head ", "clock: 10 Hz "))
    running = command("frames", str(bag), "--profile", "rate.yaml", "--json")
    assert running.wait() == 0, running.stderr
    report = json.loads(running.stdout)
    assert report["comparison"]["result"] == "skipped"
    assert (report["clock"], report["ticks"]) == ("10 Hz", pytest.approx(21, abs=2))


def test_it_needs_no_ros(bag: Path) -> None:
    blocked = "import sys; sys.modules.update({'rclpy': None, 'std_msgs': None, 'sensor_msgs': None})"
    code = f"{blocked}; from humanoid_recorder.cli.main import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "frames", str(bag)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_bag_without_a_profile_needs_one(command: "StartCommand", bag: Path, tmp_path: Path) -> None:
    (file,) = bag.glob("*.mcap")
    shutil.copy(file, tmp_path / "theirs.mcap")
    running = command("frames", "theirs.mcap")
    assert running.wait() == 2
    assert "has no episode.json" in running.stderr
    assert "--profile FILE" in running.stderr
    running = command("frames", "theirs.mcap", "--profile", str(PROFILE), "--json")
    assert running.wait() == 0, running.stderr
    assert json.loads(running.stdout)["comparison"]["result"] == "equal"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "There is no nowhere"),
        ((".", "--format", "csv"), "Add --out FILE"),
        ((".", "--out", "f.xls"), "the format of the table is not clear"),
    ],
)
def test_what_is_wrongly_asked_for_is_refused(command: "StartCommand", arguments: tuple[str, ...], words: str) -> None:
    running = command("frames", *arguments)
    assert running.wait() == 2
    assert words in running.stderr
