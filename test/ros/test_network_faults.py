"""What else a network does to a recorder: weak and mixed publishers, strangers, many topics, paused processes."""

import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header, String

from humanoid_recorder.core.labels import End
from humanoid_recorder.core.ledger import NO_PUBLISHER_ID
from humanoid_recorder.recording.state import Phase
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, Operator, StartNode, StartRecorder, Talk

BEST_EFFORT = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which child processes import modules that a test writes."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(path for path in sys.path if path)}")
    return tmp_path


def findings(bag: Path) -> dict[str, str]:
    return {finding.check: finding.message for finding in EpisodeFile.read(bag).findings}


def counts(bag: Path) -> dict[str, int]:
    return {topic.name: topic.message_count for topic in BagReader(bag).summary().topics}


def requested(operator: "Operator", topic: str) -> set[ReliabilityPolicy]:
    """Return the reliability that the recorder asks for, as the graph shows it."""
    return {info.qos_profile.reliability for info in operator.node.get_subscriptions_info_by_topic(topic)}


def received(operator: "Operator", topic: str) -> int:
    stream = operator.stream(topic)
    return 0 if stream is None else stream.received


def messages_of_the_episode(operator: "Operator") -> int:
    return operator.state.episode.messages if operator.state.episode is not None else 0


def test_less_is_asked_for_while_a_weak_publisher_is_there_and_more_again_between_episodes(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk"
) -> None:
    start_recorder()
    talk(String(data="strong"), "/x")
    operator.wait_for(Phase.ARMED)
    assert requested(operator, "/x") == {ReliabilityPolicy.RELIABLE}
    weak = talk(String(data="weak"), "/x", qos=BEST_EFFORT, node="weak")
    operator.poll(lambda: requested(operator, "/x") == {ReliabilityPolicy.BEST_EFFORT})
    weak.leave()
    operator.poll(lambda: requested(operator, "/x") == {ReliabilityPolicy.RELIABLE})
    bag = operator.record()
    (stream,) = EpisodeFile.read(bag).start.streams
    assert (stream.reliability, findings(bag)) == ("reliable", {})


def test_what_a_latched_publisher_beside_a_volatile_one_sent_before_is_named_as_missing(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk"
) -> None:
    latched = talk(String(data="sent before"), "/x", qos=LATCHED, period_s=60.0, node="latched")
    latched.publisher.publish(String(data="sent before"))
    talk(String(data="now"), "/x")
    start_recorder()
    words = "/x has latched and volatile publishers: what /latched sent before we subscribed is not recorded"
    operator.poll(lambda: words in operator.problems() and operator.state.phase is Phase.ARMED)
    bag = operator.record()
    assert findings(bag) == {"latched_not_asked_for": words}
    assert not any(b"sent before" in bytes(message.data) for message in BagReader(bag).messages())


def other_version_of_std_msgs(prefix: Path) -> None:
    """Install a std_msgs in which String has another definition, and which has no Header."""
    (marked,) = [
        path
        for path in (Path(entry) for entry in [*os.environ.get("AMENT_PREFIX_PATH", "").split(":"), sys.prefix])
        if (path / "share/ament_index/resource_index/rosidl_interfaces/std_msgs").is_file()
    ][:1]
    index = prefix / "share/ament_index/resource_index/rosidl_interfaces"
    messages = prefix / "share/std_msgs/msg"
    index.mkdir(parents=True)
    messages.mkdir(parents=True)
    (index / "std_msgs").write_text("msg/String.idl\nmsg/String.msg\nmsg/String.json\n")
    for name in ("String.msg", "String.json"):
        shutil.copy(marked / "share/std_msgs/msg" / name, messages)
    described = messages / "String.json"
    described.write_text(described.read_text().replace("RIHS01_", "RIHS01_0000"))


def test_another_definition_is_a_finding_and_a_type_that_is_not_installed_a_problem_that_stops_nothing(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_version_of_std_msgs(tmp_path / "ros")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'ros'}:{os.environ.get('AMENT_PREFIX_PATH', '')}".strip(":"))
    talk(String(data="of the robot's version"), "/x")
    talk(Header(), "/unknown")
    start_recorder()
    other = "/x is published with another definition of std_msgs/msg/String than is installed here"
    unknown = "The installed package std_msgs has no message Header."
    operator.poll(lambda: {other, unknown} <= set(operator.problems()) and operator.state.phase is Phase.ARMED)
    bag = operator.record()
    assert findings(bag) == {"definition_differs": other}
    assert set(counts(bag)) == {"/x", "/recorder/events"}


def test_what_a_paused_recorder_missed_is_counted_and_the_middleware_says_so_too(
    start_recorder: "StartRecorder", operator: "Operator", stranger: Node, talk: "Talk"
) -> None:
    talk(String(data="reliable"), "/steady")
    talker = talk(String(data="x" * 1000), "/x", qos=BEST_EFFORT, node=stranger)
    recorder = start_recorder()
    operator.wait_for(Phase.ARMED)
    operator.poll(lambda: received(operator, "/x"))
    operator.command("start")
    operator.poll(lambda: received(operator, "/x"))
    recorder.signal(signal.SIGSTOP)
    for _ in range(3000):  # more than shared memory holds for a reader that does not read
        talker.publisher.publish(String(data="x" * 1000))
    recorder.signal(signal.SIGCONT)
    operator.poll(lambda: (stream := operator.stream("/x")) is not None and stream.lost)
    operator.command("stop")
    file = EpisodeFile.read(Path(operator.wait_for_sealed(1).recent[-1].path))
    lost = file.ledger["/x"].lost
    assert lost
    assert (stream := operator.stream("/x")) is not None
    assert 0 < stream.middleware_lost <= lost, "it does not count what our own history had no room for"
    assert [finding for finding in file.findings if finding.check == "middleware_lost"] == []


SLOW_SUBSCRIBER = """
import rclpy
from rclpy.qos import HistoryPolicy, QoSProfile
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("slow")
node.create_subscription(String, "/x", print, QoSProfile(depth=1, history=HistoryPolicy.KEEP_ALL))
rclpy.spin(node)
"""


def test_a_paused_subscriber_elsewhere_costs_us_nothing(
    start_recorder: "StartRecorder", start_node: "StartNode", operator: "Operator", talk: "Talk", modules: Path
) -> None:
    (modules / "slow_subscriber.py").write_text(SLOW_SUBSCRIBER)
    slow = start_node("slow_subscriber")
    start_recorder()
    talker = talk(String(data="news"), "/x", period_s=0.001)
    operator.wait_for(Phase.ARMED)
    operator.poll(lambda: talker.publisher.get_subscription_count() == 2)
    slow.signal(signal.SIGSTOP)
    bag = operator.record(lambda: messages_of_the_episode(operator) > 1000)
    slow.signal(signal.SIGKILL)
    account = EpisodeFile.read(bag).ledger["/x"]
    assert (account.lost, account.dropped) == (0, 0)
    assert account.received > 1000


def test_a_hundred_and_fifty_topics_are_all_recorded(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk"
) -> None:
    topics = [f"/topic_{number}" for number in range(150)]
    for topic in topics:
        talk(String(data=topic), topic, period_s=0.5)
    start_recorder()
    operator.poll(lambda: operator.states and sum(s.received > 0 for s in operator.state.streams) == len(topics))

    def everything_has_come() -> bool:
        return sum(stream.received > 0 for stream in operator.state.streams) == len(topics)

    bag = operator.record(everything_has_come)
    found = counts(bag)
    assert all(found[topic] > 0 for topic in topics)
    assert operator.state.recent[-1].lost == 0
    texts = Counter(message.topic for message in BagReader(bag).messages() if message.topic.encode() in message.data)
    assert {topic: texts[topic] for topic in topics} == {topic: found[topic] for topic in topics}


def test_topics_and_publishers_that_come_and_go_within_an_episode_are_all_accounted_for(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk", make_node: "MakeNode"
) -> None:
    node = make_node("visitor")

    def visit(topics: list[str]) -> None:
        """Publish once on each topic and go, as soon as everybody has got it."""
        publishers = [node.create_publisher(String, topic, 10) for topic in topics]
        operator.poll(lambda: all(publisher.get_subscription_count() == 1 for publisher in publishers))
        for publisher in publishers:
            publisher.publish(String(data="here"))
        for publisher in publishers:
            assert publisher.wait_for_all_acked(Duration(seconds=30))
            node.destroy_publisher(publisher)

    start_recorder()
    talk(String(data="steady"), "/steady")
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    short = [f"/short_{number}" for number in range(50)]
    visit([*short, *["/busy"] * 25])
    operator.command("stop")
    bag = Path(operator.wait_for_sealed(1).recent[-1].path)
    found = counts(bag)
    assert {topic: found[topic] for topic in [*short, "/busy"]} == {**dict.fromkeys(short, 1), "/busy": 25}
    busy = EpisodeFile.read(bag).ledger["/busy"]
    assert (busy.publishers, busy.lost) == (25, 0) or (busy.lost, busy.lost_reason) == (None, NO_PUBLISHER_ID)


SHUT_DOWN = """
import signal
import sys
import rclpy
from humanoid_recorder.nodes import recorder
signal.signal(signal.SIGUSR1, lambda *_: rclpy.shutdown())
sys.exit(recorder.main())
"""


def test_a_recorder_under_which_rclpy_is_shut_down_seals_and_ends_with_words(
    start_node: "StartNode", operator: "Operator", talk: "Talk", out: Path, modules: Path
) -> None:
    (modules / "shut_down.py").write_text(SHUT_DOWN)
    recorder = start_node("shut_down", "-p", "all:=true", "-p", f"out:={out}")
    talk(String(data="news"), "/x")
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    operator.poll(lambda: messages_of_the_episode(operator) > 10)
    recorder.signal(signal.SIGUSR1)
    assert recorder.wait() == 1, recorder.output
    assert "rclpy was shut down under the node: nothing can be received or published any more" in recorder.output
    assert "Traceback" not in recorder.output
    (bag,) = out.glob("*/*Z_*")
    stop = EpisodeFile.read(bag).stop
    assert stop is not None
    assert stop.end in (End.CANCELLED, End.FAULT)
    assert stop.detail
    assert counts(bag)["/x"] > 10
