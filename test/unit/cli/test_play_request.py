"""What the options of ``play`` mean."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from humanoid_recorder.cli.main import app
from humanoid_recorder.cli.play_request import PlayRequest, TopicOptions, add_clock_rate
from humanoid_recorder.core.errors import BagReadError, SpecError
from humanoid_recorder.playback.timeline import OrderBy


def request(**others: object) -> PlayRequest:
    values: dict[str, object] = {
        "bag": Path("bag"),
        "topics": TopicOptions(),
        "by": OrderBy.LOG,
        "rate": 1.0,
        "loop": False,
        "start_offset_s": 0.0,
        "duration_s": 0.0,
        "paused": False,
        "step_s": 0.0,
        "clock_hz": 0.0,
        "delay_s": 1.0,
        "wait_for_subscribers": False,
        "name": "player",
        "namespace": "/",
    }
    return PlayRequest(**{**values, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--clock"], ["--clock", "40"]),
        (["--clock", "100"], ["--clock", "100"]),
        (["--clock", "--loop"], ["--clock", "40", "--loop"]),
        (["bag", "--clock", ".5", "--rate", "2"], ["bag", "--clock", ".5", "--rate", "2"]),
    ],
)
def test_a_clock_without_a_rate_has_the_usual_one(given: list[str], expected: list[str]) -> None:
    assert add_clock_rate(given) == expected


def test_empty_lists_are_not_given_to_the_node_since_they_have_no_type() -> None:
    parameters = request(topics=TopicOptions(topics=("/a",))).node().parameters
    assert parameters["topics"] == ["/a"]
    assert "remap" not in parameters
    assert parameters["bag"] == str(Path("bag").absolute())


def test_the_player_is_found_under_its_full_name() -> None:
    assert request().player == "/player"
    assert request(namespace="robot1/", name="p2").player == "/robot1/p2"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("rate", 0.0, "--rate is 0"),
        ("rate", float("nan"), "--rate is nan"),
        ("start_offset_s", -1.0, "--start-offset is -1"),
        ("rate", 1e-300, "--rate is 1e-300"),
        ("start_offset_s", 1e300, "--start-offset is 1e"),
        ("clock_hz", float("inf"), "--clock is inf"),
        ("clock_hz", 1e5, "--clock is 100000"),
        ("name", "my player", "is not a node name"),
        ("namespace", "/a//b", "is not a namespace"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_option(option: str, value: object, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        request(**{option: value}).check()


def test_a_bag_that_is_not_there_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(BagReadError, match="There is no"):
        request(bag=tmp_path / "none").check()


def test_options_take_several_values_after_the_bag(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[PlayRequest] = []

    def check(self: PlayRequest) -> None:
        seen.append(self)
        raise typer.Exit(0)

    monkeypatch.setattr(PlayRequest, "check", check)
    words = ["play", "bag", "--topics", "/a", "/b", "--remap", "/a:=/c", "/b:=/d", "--clock", "--exclude-topics", "/e"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen[0].topics.topics == ("/a", "/b")
    assert seen[0].topics.remap == ("/a:=/c", "/b:=/d")
    assert seen[0].topics.exclude_topics == ("/e",)
    assert seen[0].clock_hz == 40.0
