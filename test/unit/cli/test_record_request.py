import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.cli.node_child import write_parameters
from humanoid_recorder.cli.record_request import Choice, RecordRequest, spread_values
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.labels import Labels

ALL = RecordRequest(Choice(everything=True))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--topics /a /b --seconds 3", "--topics /a --topics /b --seconds 3"),
        ("--json --topics /a /b /c", "--json --topics /a --topics /b --topics /c"),
        ("--topics /a --topics /b", "--topics /a --topics /b"),
        ("--topics --all", "--topics --all"),
        ("--topics=/a /b", "--topics=/a /b"),
        ("--all --out x", "--all --out x"),
    ],
)
def test_an_option_takes_every_value_up_to_the_next_option(arguments: str, expected: str) -> None:
    assert spread_values(arguments.split(), option="--topics") == expected.split()


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        (Choice(), "Nothing was chosen"),
        (Choice(exclude="x"), "Nothing was chosen"),
        (Choice(everything=True, regex="x"), "--regex has no effect"),
        (Choice(topics=("/a",), exclude="x"), "--exclude leaves out topics found by --all"),
        (Choice(topics=("/a", "b c")), "'b c' is not a topic name"),
        (Choice(regex="("), "--regex '(' is not a regular expression"),
        (Choice(everything=True, exclude="["), "--exclude '[' is not a regular expression"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(choice: Choice, complaint: str) -> None:
    with pytest.raises(SpecError, match="^" + complaint.replace("(", r"\(").replace("[", r"\[")):
        RecordRequest(choice).check()


@pytest.mark.parametrize(
    "choice",
    [
        Choice(profile=Path("robot.yaml")),
        Choice(profile=Path("robot.yaml"), everything=True, exclude="^/debug"),
        Choice(profile=Path("robot.yaml"), topics=("/a", "relative/b")),
        Choice(everything=True, topics=("/a",)),
        Choice(regex="^/left", exclude="x"),
    ],
)
def test_choices_that_add_up_are_taken(choice: Choice) -> None:
    request = RecordRequest(choice)
    request.check()
    assert request.parameters(attended=False)["all"] is choice.everything


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (replace(ALL, episodes=0, seconds=1.0), "--episodes is 0"),
        (replace(ALL, episodes=3), "--episodes 3 needs to know how long"),
        (replace(ALL, seconds=0.0), "--seconds is 0"),
        (replace(ALL, seconds=math.nan), "--seconds is nan"),
        (replace(ALL, wait_s=-1.0), "--wait is -1"),
        (replace(ALL, pre_roll_s=math.inf), "--pre-roll-s is inf"),
        (replace(ALL, seconds=10.0, max_episode_s=5.0), "--max-episode-s 5 would cut"),
        (replace(ALL, name="my recorder"), "--name 'my recorder' is not a node name"),
        (replace(ALL, namespace="/robot 1"), "--namespace '/robot 1' is not a namespace"),
    ],
)
def test_numbers_and_names_that_cannot_be_used_are_refused(request_: RecordRequest, complaint: str) -> None:
    with pytest.raises(SpecError, match="^" + complaint):
        request_.check()


@pytest.mark.parametrize(
    ("namespace", "node"),
    [("/", "/recorder"), ("", "/recorder"), ("/robot1", "/robot1/recorder"), ("a/b/", "/a/b/recorder")],
)
def test_the_node_is_named_in_its_namespace(namespace: str, node: str) -> None:
    assert replace(ALL, namespace=namespace).recorder == node


def test_a_script_ends_its_episodes_itself_and_an_operator_may_forget_to() -> None:
    assert ALL.parameters(attended=False)["max_episode_s"] == 0.0
    assert "max_episode_s" not in ALL.parameters(attended=True)
    assert replace(ALL, max_episode_s=30.0).parameters(attended=False)["max_episode_s"] == 30.0


def test_paths_reach_the_recorder_independent_of_its_folder() -> None:
    parameters = RecordRequest(Choice(profile=Path("robot.yaml")), out=Path("out")).parameters(attended=False)
    assert parameters["profile"] == str(Path.cwd() / "robot.yaml")
    assert parameters["out"] == str(Path.cwd() / "out")


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_parameter_file(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("parameters") / "p.yaml"
    write_parameters(path, replace(ALL, labels=Labels(task=text)).parameters(attended=False))
    written = yaml.safe_load(path.read_text("utf-8"))["/**"]["ros__parameters"]
    assert written.get("task", "") == text


@pytest.mark.parametrize("text", ["true", "0123", "1e5", "a: b", '"', "~", "", "on"])
def test_text_that_looks_like_another_type_is_quoted(text: str, tmp_path: Path) -> None:
    write_parameters(tmp_path / "p.yaml", {"task": text})
    (token,) = [
        token
        for token in yaml.scan((tmp_path / "p.yaml").read_text("utf-8"))
        if isinstance(token, yaml.ScalarToken) and token.value == text
    ]
    assert token.style == '"'


def test_text_that_is_no_unicode_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="not valid UTF-8"):
        write_parameters(tmp_path / "p.yaml", {"task": "caf\udce9"})
