"""The verb: what it refuses, what it prints, and what it leaves on the disk. The kills are made up."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from humanoid_recorder.cli import drill_run
from humanoid_recorder.cli.drill_judge import Kill, kill_moments
from humanoid_recorder.cli.drill_round import Cancelled, Round
from humanoid_recorder.cli.main import run

KILL = Kill(
    number=1, after_s=1.25, loss_ms=243.4, loss_topic="/imu", lost=1801, missing=0, is_recovered=True, recovered=9052,
    longest_sync_ms=2.04, was_syncing=True, zeroed_bytes=0, readers=("humanoid_recorder",), bag="", problems=(),
)  # fmt: skip


class Kills:
    """Stands in for ``run_round``."""

    def __init__(self, *, cancel_at: int = 0, problem_at: int = 0) -> None:
        self.rounds: list[Round] = []
        self._cancel_at = cancel_at
        self._problem_at = problem_at

    def __call__(self, this: Round, *, is_cancelled: object) -> Kill:
        assert not this.folder.exists()
        assert this.scratch.is_dir()
        this.folder.mkdir()
        (this.folder / "bag").touch()
        self.rounds.append(this)
        if this.number == self._cancel_at:
            raise Cancelled
        problems = ("it cannot be read",) if this.number == self._problem_at else ()
        return replace(KILL, number=this.number, loss_ms=float(this.number), problems=problems)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_kill_has_its_moment_and_nothing_is_left_on_the_disk(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = Kills()
    monkeypatch.setattr(drill_run, "run_round", kills)
    assert run(["drill", "--kills", "3", "--seconds", "1.5", "--seed", "4", "--limit-ms", "99", "--power-cut"]) == 0
    assert [each.after_s for each in kills.rounds] == kill_moments(4, 3, 1.5)
    assert {(each.limit_ms, each.cuts_power, each.keeps) for each in kills.rounds} == {(99.0, True, False)}
    assert list(here.iterdir()) == []
    assert not any(each.scratch.exists() for each in kills.rounds)
    assert "Good: 3 kills" in capsys.readouterr().out


def test_the_folder_it_is_given_stays_and_with_keep_the_bags_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "disk").mkdir()
    monkeypatch.setattr(drill_run, "run_round", Kills())
    assert run(["drill", "--kills", "2", "--out", "disk"]) == 0
    assert list(here.rglob("*")) == [here / "disk"]
    assert run(["drill", "--kills", "2", "--out", "disk", "--keep"]) == 0
    assert len(list(here.glob("disk/drill_*/000[12]/bag"))) == 2


def test_the_json_has_the_figures_and_a_problem_makes_the_exit_code_1(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drill_run, "run_round", Kills(problem_at=2))
    assert run(["drill", "--kills", "20", "--seed", "4", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["good"], report["problems"], report["seed"]) == (False, ["kill 2: it cannot be read"], 4)
    assert (report["worst_ms"], report["p95_ms"], report["median_ms"]) == (20.0, 19.0, 10.0)
    assert (report["most_lost"], report["longest_sync_ms"], report["asked_for"]) == (1801, 2.04, 20)
    assert len(report["kills"]) == 20


def test_a_drill_that_is_stopped_says_how_far_it_came_and_is_not_good(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drill_run, "run_round", Kills(cancel_at=3))
    assert run(["drill", "--kills", "5", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (len(report["kills"]), report["asked_for"], report["problems"]) == (2, 5, [])
    monkeypatch.setattr(drill_run, "run_round", Kills(cancel_at=1))
    assert run(["drill", "--kills", "5", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["worst_ms"] is None
    assert list(here.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused_in_words(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").touch()
    assert run(["drill", "--out", "file/drill"]) == 1
    assert "file/drill cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--kills=0", "--seconds=0", "--limit-ms=-1", "--seed=-1"])
def test_a_drill_of_nothing_is_a_usage_error(option: str) -> None:
    assert run(["drill", option]) == 2


def test_without_ros_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert run(["drill"]) == 1
    assert "pip install '.[ros]'" in capsys.readouterr().err
