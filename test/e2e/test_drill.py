"""``humanoid-recorder drill``: real recorders are killed, and what is left is recovered and counted."""

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from humanoid_recorder.storage.bag_reader import BagReader

if TYPE_CHECKING:
    from test.e2e.conftest import Running, StartCommand

WAIT_S = 30.0
GENEROUS_MS = "3000"
"""These tests look at what is lost, not at how much: the computer may be busy with other things."""


def report_of(running: "Running", *, code: int) -> Any:
    assert running.wait(timeout_s=90) == code, running.stdout + running.stderr
    return json.loads(running.stdout)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_unfinished(running: "Running", folder: Path) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not any(folder.glob("drill/*/*/*/*.unfinished")):
        assert running.process.poll() is None, running.stderr
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_two_kills_cost_the_end_and_nothing_before_it(command: "StartCommand", tmp_path: Path) -> None:
    running = command("drill", "--kills", "2", "--seconds", "1.5", "--seed", "3", "--limit-ms", GENEROUS_MS, "--json")
    report = report_of(running, code=0)
    assert (report["good"], report["problems"], report["seed"]) == (True, [], 3)
    assert 0 < report["median_ms"] <= report["worst_ms"] < 3000
    assert len(report["kills"]) == 2
    for kill in report["kills"]:
        assert kill["after_s"] > 0
        assert kill["recovered"] > 500
        assert 0 < kill["lost"] <= report["most_lost"]
        assert (kill["missing"], kill["zeroed_bytes"], kill["is_recovered"]) == (0, 0, True)
        assert kill["readers"] == ["humanoid_recorder", "rosbags"]
        assert 0 < kill["longest_sync_ms"] <= report["longest_sync_ms"]
    assert list(tmp_path.iterdir()) == []


def test_a_power_cut_takes_what_was_not_synced_and_the_rest_is_recovered(
    command: "StartCommand", tmp_path: Path
) -> None:
    running = command(
        "drill", "--kills", "1", "--seconds", "1.5", "--seed", "3", "--limit-ms", GENEROUS_MS, "--power-cut", "--keep",
        "--json",
    )  # fmt: skip
    report = report_of(running, code=0)
    (kill,) = report["kills"]
    assert (report["power_cut"], kill["was_syncing"], kill["missing"], kill["problems"]) == (True, True, 0, [])
    assert kill["zeroed_bytes"] > 100_000
    bag = tmp_path / kill["bag"]
    assert sum(1 for _ in BagReader(bag).messages()) == kill["recovered"] > 500
    (original,) = bag.glob("damaged/*.damaged")
    assert original.read_bytes().endswith(bytes(kill["zeroed_bytes"]))


def test_a_kill_that_costs_more_than_the_limit_makes_the_exit_code_1(command: "StartCommand") -> None:
    running = command("drill", "--kills", "1", "--seconds", "0.5", "--limit-ms", "0")
    assert running.wait(timeout_s=60) == 1
    assert "NOT good: 1 of 1 kill cost more than it may:" in running.stdout
    assert "are lost, and the limit is 0 ms" in running.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_children_and_leaves_nothing(
    command: "StartCommand", tmp_path: Path, number: signal.Signals
) -> None:
    running = command("drill", "--kills", "5", "--seconds", "60", "--seed", "3")
    wait_for_unfinished(running, tmp_path)
    started = children(running.process.pid)
    assert len(started) == 2
    running.signal(number)
    assert running.wait(timeout_s=10) == 1
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
    assert "Stopped after 0 of 5 kills." in running.stderr
    assert "Traceback" not in running.stderr
    assert list(tmp_path.iterdir()) == []
