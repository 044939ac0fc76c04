"""A topic whose type is not what it was: on real DDS, with real bags."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from humanoid_recorder.recording.state import Phase
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.ros.conftest import Operator, StartRecorder, Talk

OLD, NEW = "std_msgs/msg/String", "sensor_msgs/msg/JointState"


def new_message() -> Any:
    return JointState(name=["left_knee_joint"], position=[1.0])


def arrives_as(operator: "Operator", name: str) -> bool:
    """Whether messages of /x arrive as this type."""
    stream = operator.stream("/x")
    return stream is not None and stream.type == name and stream.received > 0


def types_in(bag: Path) -> dict[str, set[str]]:
    """Read every message with somebody else's reader; returns the types found, by topic."""
    found: dict[str, set[str]] = {}
    with AnyReader([bag]) as reader:
        for connection, _time, data in reader.messages():
            message: Any = reader.deserialize(data, connection.msgtype)
            found.setdefault(connection.topic, set()).add(message.__msgtype__)
    return found


def findings(bag: Path) -> list[tuple[str, str]]:
    return [(finding.check, finding.message) for finding in EpisodeFile.read(bag).findings]


def losses(bag: Path) -> int | None:
    stop = EpisodeFile.read(bag).stop
    assert stop is not None
    return stop.lost


def test_a_type_that_changes_between_episodes_is_recorded_in_the_next_bag_and_may_change_back(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk"
) -> None:
    start_recorder(all="true", pre_roll_s=5.0)
    talker = talk(String(data="old"), "/x")
    operator.wait_for(Phase.ARMED)
    bags = [operator.record()]
    for message, name in ((new_message(), NEW), (String(data="old"), OLD)):
        talker.leave()
        talker = talk(message, "/x")
        operator.poll(partial(arrives_as, operator, name))
        bags.append(operator.record())
    assert [types_in(bag) for bag in bags] == [{"/x": {OLD}}, {"/x": {NEW}}, {"/x": {OLD}}]
    assert [findings(bag) for bag in bags] == [[], [], []]
    assert [losses(bag) for bag in bags] == [0, 0, 0]


def test_a_type_that_changes_within_an_episode_is_noted_and_recorded_from_the_next_on(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk", stranger: Node
) -> None:
    start_recorder()
    old = talk(String(data="old"), "/x")
    operator.wait_for(Phase.ARMED)
    too = f"/x is published as {NEW} too, and only {OLD} is recorded"
    changed = f"/x was {OLD} and is now published as {NEW}"

    operator.command("start")
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages >= 10)
    talk(new_message(), "/x", node=stranger)
    operator.poll(lambda: too in operator.problems())
    received = operator.state.episode.messages if operator.state.episode else 0
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages > received + 10)
    old.leave()
    operator.poll(lambda: changed in operator.problems())
    operator.command("stop")
    first = Path(operator.wait_for_sealed(1).recent[-1].path)
    operator.poll(lambda: arrives_as(operator, NEW))
    second = operator.record()
    assert operator.problems() == []
    assert (types_in(first), types_in(second)) == ({"/x": {OLD}}, {"/x": {NEW}})
    assert findings(first) == [("type_changed", too), ("type_changed", changed)]
    assert findings(second) == []


def test_a_required_topic_whose_type_has_changed_is_waited_for_with_its_new_type(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk"
) -> None:
    start_recorder(topics="['/x']")
    old = talk(String(data="old"), "/x")
    operator.wait_for(Phase.ARMED)
    old.leave()
    new = talk(new_message(), "/x", period_s=60.0)
    operator.poll(lambda: new.publisher.get_subscription_count() == 1)
    operator.wait_for(Phase.WAITING)
    success, answer = operator.try_command("start")
    assert (success, answer["error"]) == (False, "Nothing arrives on /x.")
    new.publisher.publish(new_message())
    operator.wait_for(Phase.ARMED)


def test_a_stream_of_the_profile_is_refused_with_a_wrong_type_and_is_back_to_normal_with_the_right_one(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk", tmp_path: Path
) -> None:
    profile = tmp_path / "robot.yaml"
    profile.write_text(
        "robot: {name: g1, joints: [left_knee_joint]}\n"
        f"streams: {{joints: {{topic: /x, type: {NEW}, kind: joint, rate_hz: 50}}}}\n"
    )
    start_recorder(profile=profile)
    wrong = f"/x is published as {OLD}, and the profile says {NEW}"
    talker = talk(String(data="wrong"), "/x")
    operator.poll(lambda: wrong in operator.problems())
    success, answer = operator.try_command("start")
    assert (success, answer["error"]) == (False, f"Nothing arrives on joints (joints: {wrong}).")
    for again in (True, False):
        talker.leave()
        talker = talk(new_message(), "/x")
        operator.poll(lambda: operator.state.phase is Phase.ARMED and not operator.problems())
        if again:
            talker.leave()
            talker = talk(String(data="wrong"), "/x")
            operator.poll(lambda: wrong in operator.problems() and operator.state.phase is Phase.WAITING)
    assert types_in(operator.record()) == {"/x": {NEW}}
