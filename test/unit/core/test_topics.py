import re

import pytest

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.topics import TopicSelection, compile_pattern, is_hidden


@pytest.mark.parametrize("topic", ["/rosout", "/parameter_events", "/_hidden", "/arm/_action/status"])
def test_everything_leaves_out_what_is_not_of_the_robot(topic: str) -> None:
    selection = TopicSelection(everything=True)
    assert selection.wants("/joint_states")
    assert not selection.wants(topic)


def test_a_topic_that_is_listed_is_wanted_whatever_else_is_said() -> None:
    listed = frozenset({"/rosout", "/_hidden", "/recorder/state", "/a"})
    selection = TopicSelection(topics=listed, exclude=re.compile("a"))
    assert all(selection.wants(topic) for topic in listed)
    assert not selection.wants("/b")


def test_exclude_wins_over_include_and_everything() -> None:
    selection = TopicSelection(everything=True, include=re.compile("camera"), exclude=re.compile("depth"))
    assert selection.wants("/camera/color")
    assert not selection.wants("/camera/depth")


def test_include_searches_in_the_name_and_finds_hidden_topics() -> None:
    selection = TopicSelection(include=re.compile("state"))
    assert selection.wants("/joint_states")
    assert selection.wants("/_state")
    assert not selection.wants("/joints")


def test_a_selection_is_empty_only_when_nothing_is_chosen() -> None:
    assert TopicSelection(exclude=re.compile("x")).is_empty
    assert not TopicSelection(everything=True).is_empty
    assert not TopicSelection(topics=frozenset({"/a"})).is_empty
    assert not TopicSelection(include=re.compile("x")).is_empty


def test_hidden_is_a_part_that_begins_with_an_underscore() -> None:
    assert is_hidden("/a/_b/c")
    assert not is_hidden("/a_b/c_")


def test_a_wrong_pattern_is_refused_with_the_name_of_the_option() -> None:
    with pytest.raises(SpecError, match=r"--regex .*unterminated"):
        compile_pattern("[", option="--regex")
    assert compile_pattern("", option="--regex") is None
    compiled = compile_pattern("a.c", option="--regex")
    assert compiled is not None
    assert compiled.search("/xabc")
