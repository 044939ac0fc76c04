"""What the drill shows."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from humanoid_recorder.cli.drill_judge import DrillResult, Kill
from humanoid_recorder.cli.drill_view import show

KILL = Kill(
    number=1, after_s=1.25, loss_ms=243.4, loss_topic="/imu", lost=1801, missing=0, is_recovered=True, recovered=9052,
    longest_sync_ms=2.04, was_syncing=True, zeroed_bytes=1_560_000, readers=("humanoid_recorder",), bag="", problems=(),
)  # fmt: skip


def shown(*kills: Kill, width: int = 80, power_cut: bool = False) -> str:
    text = StringIO()
    result = DrillResult(kills, len(kills))
    show(result, Console(file=text, width=width), limit_ms=400, seed=7, power_cut=power_cut)
    return " ".join(text.getvalue().split())


@pytest.mark.parametrize("width", [80, 140])
def test_every_kill_has_a_row_and_the_worst_is_said_in_words(width: int) -> None:
    text = shown(KILL, replace(KILL, number=2, loss_ms=20.0, lost=70), width=width)
    assert "1 1.25 s 243 ms 1,801 9,052 0 2.0 ms" in text
    assert "Good: 2 kills, 2 recovered and read back; nothing is missing before the end." in text
    assert "at most 243 ms, 95 % 243 ms, median 20 ms; the limit is 400 ms." in text
    assert "At most 1,801 messages" in text
    assert "--kills 2 --seed 7" in text


def test_what_a_power_cut_took_has_a_column() -> None:
    assert "1.56 MB" in shown(KILL, power_cut=True)
    assert "1.56 MB" not in shown(KILL)


def test_a_kill_before_anything_was_on_the_disk_is_told_apart() -> None:
    text = shown(KILL, replace(KILL, number=2, is_recovered=False, recovered=0, loss_ms=9.0))
    assert "1 recovered and read back, 1 before anything was on the disk;" in text
    assert "none" in text


def test_of_many_kills_the_costliest_are_shown_and_every_problem_comes_first() -> None:
    kills = [replace(KILL, number=at, loss_ms=100.0 + at) for at in range(1, 41)]
    kills[39] = replace(kills[39], problems=("140 ms of /imu are lost, and the limit is 130 ms",))
    text = shown(*kills)
    assert "the 12 that cost most, of 40" in text
    assert "NOT good: 1 of 40 kills cost more than it may:" in text
    assert "kill 40: 140 ms of /imu are lost" in text


def test_kept_bags_are_named() -> None:
    assert "The bags are in /data/drill_x" in shown(replace(KILL, bag="/data/drill_x/0001/session/episode"))
