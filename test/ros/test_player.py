"""The player node over real DDS: what it sends, byte by byte, and how it is driven."""

import json
import os
import signal
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from std_srvs.srv import Trigger

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.qos import Durability, QosOffer, Reliability
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.playback.state import Phase, PlayerState
from humanoid_recorder.recording.state import Phase as RecorderPhase
from humanoid_recorder.ros.message_types import message_type
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.storage.bag_blocks import BagBlocks
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, MakeServices, NodeProcess, Operator, Poll, StartNode, StartRecorder

MODULE = "humanoid_recorder.nodes.player"
STRING = "std_msgs/msg/String"
START_NS = 1_795_160_424_444_668_177
MS = 1_000_000
RELIABLE = QoSProfile(depth=10_000, reliability=ReliabilityPolicy.RELIABLE)
LATE = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ONE, OTHER, MAP = "/one", "/two", "/map"
LATCHED_OFFER = QosOffer(durability=Durability.TRANSIENT_LOCAL)

Row = tuple[str, float, str]
"""Topic, log time in ms, text."""


def encoded(text: str) -> bytes:
    """Return a message as DDS delivers it: filled up to a multiple of four bytes."""
    data = encode_string_message(text)
    return data + bytes(-len(data) % 4)


def write_bag(
    path: Path,
    rows: Sequence[Row],
    *,
    offers: dict[str, tuple[QosOffer, ...]] | None = None,
    types: dict[str, str] | None = None,
    options: BagOptions | None = None,
) -> Path:
    """Write a bag of texts."""
    bag = BagWriter(path, options=options or BagOptions(chunk_bytes=2000), ros_distro="kilted")
    names = sorted({topic for topic, _, _ in rows})
    known = message_type(STRING)
    for number, name in enumerate(names, 1):
        type_name = (types or {}).get(name, STRING)
        type_hash = known.type_hash if type_name == STRING else ""
        topic_offers = (offers or {}).get(name, (QosOffer(),))
        bag.add_topic(BagTopic(number, name, type_name, known.definition, type_hash, topic_offers))
    samples = [
        Sample(names.index(topic) + 1, encoded(text), START_NS + round(at * MS), START_NS + round(at * MS), None, 0)
        for topic, at, text in rows
    ]
    for sample in samples:
        bag.write([sample])
    bag.seal(custom_data={})
    return path


def a_second(*topics: str) -> list[Row]:
    """100 messages on each topic within a second."""
    return [(topic, 10.0 * number, f"{topic} {number}") for number in range(100) for topic in topics]


class Listener:
    """Takes raw bytes of topics."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.data: defaultdict[str, list[bytes]] = defaultdict(list)

    def listen(self, topic: str, *, message: Any = String, qos: QoSProfile = RELIABLE) -> None:
        self._node.create_subscription(message, topic, self.data[topic].append, qos, raw=True)

    def texts(self, topic: str) -> list[str]:
        return [data[8:].rstrip(b"\0").decode() for data in self.data[topic]]


SERVICES = {
    **dict.fromkeys(("pause", "resume", "toggle", "step", "restart"), Trigger),
    "set_parameters": SetParameters,
}


class Remote:
    """Drives a player through its public services, parameters and topics only."""

    def __init__(self, node: Node, poll: "Poll", make_services: "MakeServices") -> None:
        self.node, self.poll = node, poll
        self._services = make_services(node, "/player", SERVICES)
        self.states: list[PlayerState] = []
        node.create_subscription(
            String, "/player/state", lambda m: self.states.append(PlayerState.model_validate_json(m.data)), LATCHED
        )

    @property
    def state(self) -> PlayerState:
        assert self.states, "the player has not said anything yet"
        return self.states[-1]

    def wait_for(self, phase: Phase) -> PlayerState:
        self.poll(lambda: self.states and self.state.phase is phase)
        return self.state

    def command(self, name: str) -> dict[str, Any]:
        response = self._services.call(name, Trigger.Request())
        assert response.success, response.message
        answer: dict[str, Any] = json.loads(response.message)
        return answer

    def set(self, name: str, value: float | bool) -> Any:
        typed = (
            ParameterValue(type=1, bool_value=value)
            if isinstance(value, bool)
            else ParameterValue(type=3, double_value=value)
        )
        request = SetParameters.Request(parameters=[Parameter(name=name, value=typed)])
        (result,) = self._services.call("set_parameters", request).results
        return result


@pytest.fixture
def listener(make_node: "MakeNode") -> Listener:
    return Listener(make_node("listener"))


@pytest.fixture
def remote(make_node: "MakeNode", poll: "Poll", make_services: "MakeServices") -> Remote:
    return Remote(make_node("remote"), poll, make_services)


def parameters(bag: Path, **others: object) -> list[str]:
    values = {"bag": bag, "wait_for_subscribers": "true", "delay_s": 0, **others}
    return [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]


def finish(player: "NodeProcess", poll: "Poll", *, code: int = 0) -> None:
    poll(lambda: player.process.poll() is not None)
    assert player.wait() == code, player.output


def damage_second_chunk(bag: Path) -> None:
    with BagBlocks(bag) as blocks:
        block = blocks.blocks[1]
    (file,) = bag.glob("*.mcap")
    data = bytearray(file.read_bytes())
    data[block.end - 20] ^= 0xFF
    file.write_bytes(data)


@pytest.mark.parametrize("compression", list(Compression))
def test_every_message_arrives_once_in_order_and_byte_for_byte(
    start_node: "StartNode", listener: Listener, poll: "Poll", tmp_path: Path, compression: Compression
) -> None:
    options = BagOptions(chunk_bytes=2000, compression=compression)
    bag = write_bag(tmp_path / "bag", a_second(ONE, OTHER), options=options)
    listener.listen(ONE)
    listener.listen(OTHER)
    player = start_node(MODULE, *parameters(bag))
    finish(player, poll)
    for topic in (ONE, OTHER):
        assert listener.data[topic] == [encoded(f"{topic} {number}") for number in range(100)]
    assert "200 messages sent" in player.output


def test_what_is_recorded_of_a_played_bag_is_the_bag_again(
    start_node: "StartNode",
    start_recorder: "StartRecorder",
    operator: "Operator",
    poll: "Poll",
    make_services: "MakeServices",
    tmp_path: Path,
) -> None:
    remote = Remote(operator.node, poll, make_services)
    rows = [("/map", 0.0, "the map"), *a_second(ONE, OTHER)]
    bag = write_bag(tmp_path / "bag", rows, offers={MAP: (LATCHED_OFFER,)})
    start_recorder()
    player = start_node(MODULE, *parameters(bag, paused="true"))
    operator.poll(lambda: operator.states and {s.topic for s in operator.state.streams} >= {ONE, OTHER, MAP})
    operator.wait_for(RecorderPhase.ARMED)  # by the latched one, which goes out while it is paused
    operator.command("start")
    remote.command("resume")
    finish(player, poll)
    operator.command("stop")
    again = Path(operator.wait_for_sealed(1).recent[-1].path)
    original, copy = (
        {topic: [m.data for m in BagReader(path).messages([topic])] for topic in (ONE, OTHER, MAP)}
        for path in (bag, again)
    )
    assert copy == original
    times = [message.log_ns for message in BagReader(again).messages([ONE])]
    assert 0.9e9 < max(times) - min(times) < 5e9


def test_a_bag_of_another_writer_plays(
    start_node: "StartNode", listener: Listener, poll: "Poll", tmp_path: Path
) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    types = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(tmp_path / "theirs", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(ONE, STRING, typestore=types)
        for number in range(50):
            writer.write(connection, START_NS + number * MS, encoded(f"theirs {number}"))
    listener.listen(ONE)
    finish(start_node(MODULE, *parameters(tmp_path / "theirs")), poll)
    assert listener.texts(ONE) == [f"theirs {number}" for number in range(50)]


def test_a_file_alone_and_a_folder_without_metadata_play(
    start_node: "StartNode", listener: Listener, poll: "Poll", tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", [(ONE, 0.0, "a"), (ONE, 5.0, "b")])
    (bag / "metadata.yaml").unlink()
    (file,) = bag.glob("*.mcap")
    listener.listen(ONE)
    finish(start_node(MODULE, *parameters(bag)), poll)
    finish(start_node(MODULE, *parameters(file)), poll)
    assert listener.texts(ONE) == ["a", "b", "a", "b"]


def test_a_damaged_chunk_costs_its_own_messages_and_is_told(
    start_node: "StartNode", listener: Listener, poll: "Poll", tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", a_second(ONE))
    with BagBlocks(bag) as blocks:
        lost = [message.data for message in blocks.read(blocks.blocks[1])]
        span = blocks.blocks[1]
    damage_second_chunk(bag)
    listener.listen(ONE)
    player = start_node(MODULE, *parameters(bag))
    finish(player, poll, code=1)
    everything = [encoded(f"{ONE} {number}") for number in range(100)]
    assert listener.data[ONE] == [data for data in everything if data not in lost]
    assert 0 < len(lost) < 100
    assert f"Not played: {len(lost)} messages ({ONE} {len(lost)}), over " in player.output
    assert f"from {span.first_ns}" in player.output


def test_it_is_paused_stepped_sought_and_sped_up_by_services_and_parameters(
    start_node: "StartNode", listener: Listener, remote: Remote, poll: "Poll", tmp_path: Path
) -> None:
    rows: list[Row] = [(MAP, 0.0, "first map"), *((ONE, 100.0 * n, str(n)) for n in range(200)), (MAP, 5050.0, "new")]
    bag = write_bag(tmp_path / "bag", rows, offers={MAP: (LATCHED_OFFER,)})
    listener.listen(ONE)
    listener.listen(MAP, qos=LATE)
    player = start_node(MODULE, *parameters(bag, paused="true"))
    remote.wait_for(Phase.PAUSED)
    poll(lambda: listener.texts(MAP) == ["first map"])  # also while it is paused
    assert remote.command("step") == {"phase": "paused", "position_s": 0.0}
    assert remote.command("step")["phase"] == "paused"
    poll(lambda: listener.texts(ONE) == ["0", "1"])
    assert remote.set("position_s", 10.0).successful
    poll(lambda: listener.texts(MAP) == ["first map", "new"])  # the one that is valid there
    remote.command("step")
    poll(lambda: listener.texts(ONE) == ["0", "1", "100"])
    assert remote.set("step_s", 0.25).successful
    assert remote.set("rate", 50.0).successful
    remote.command("step")
    poll(lambda: listener.texts(ONE)[3:] == ["101", "102"])
    state = remote.wait_for(Phase.PAUSED)
    poll(lambda: remote.state.position_s == pytest.approx(10.25))
    assert state.rate == 50.0
    assert state.end_s == pytest.approx(19.9)
    refused = remote.set("rate", 0.0)
    assert (refused.successful, refused.reason) == (False, "rate: from 0.001 to 1000")
    assert not remote.set("position_s", 1e300).successful
    assert not remote.set("delay_s", 1.0).successful
    remote.command("restart")
    remote.command("toggle")
    finish(player, poll)
    assert listener.texts(ONE)[5:] == [str(number) for number in range(200)]


def test_the_clock_is_that_of_the_bag_and_only_goes_forward(
    start_node: "StartNode", listener: Listener, make_node: "MakeNode", poll: "Poll", tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", a_second(ONE))
    order: list[tuple[str, int]] = []
    node = make_node("watch")

    def on_clock(message: Clock) -> None:
        order.append(("clock", message.clock.sec * 10**9 + message.clock.nanosec))

    node.create_subscription(Clock, "/clock", on_clock, RELIABLE)
    listener.listen(ONE)
    finish(start_node(MODULE, *parameters(bag, clock_hz=100)), poll)
    times = [time_ns for _, time_ns in order]
    assert times == sorted(times)
    assert START_NS <= times[0] <= times[-1] <= START_NS + 990 * MS
    assert len(times) > 10  # a machine that is busy leaves ticks out
    assert len(listener.data[ONE]) == 100


def test_only_who_gave_it_a_name_is_waited_for(
    start_node: "StartNode", listener: Listener, poll: "Poll", tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", [(ONE, 0.0, "a"), (ONE, 1.0, "b")])
    listener.listen(ONE)
    launched = start_node(MODULE, *parameters(bag, stop_with_parent=os.getpid()))
    launched.wait_for("playing 1 topics")
    poll(lambda: listener.texts(ONE) == ["a", "b"], timeout_s=8)  # it waits 10 s for who wants to show it
    finish(launched, poll)


def test_a_late_subscriber_finds_what_is_latched(
    start_node: "StartNode", listener: Listener, remote: Remote, poll: "Poll", tmp_path: Path
) -> None:
    rows: list[Row] = [(MAP, -3_600_000.0, "hour-old map"), *((ONE, 100.0 * n, str(n)) for n in range(100))]
    bag = write_bag(tmp_path / "bag", rows, offers={MAP: (LATCHED_OFFER,)})
    player = start_node(MODULE, *parameters(bag, wait_for_subscribers="false"))
    state = remote.wait_for(Phase.PLAYING)
    assert state.end_s == pytest.approx(9.9)  # the map's hour is not waited for
    listener.listen(MAP, qos=LATE)
    poll(lambda: listener.texts(MAP) == ["hour-old map"])
    player.signal(signal.SIGINT)
    finish(player, poll)
    assert "ended (SIGINT)" in player.output


def test_commands_are_not_played_unless_asked_for(
    start_node: "StartNode", listener: Listener, poll: "Poll", tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", [(ONE, 0.0, "a"), ("/joint_commands", 1.0, "move"), (ONE, 300.0, "b")])
    listener.listen(ONE)
    listener.listen("/joint_commands")
    player = start_node(MODULE, *parameters(bag))
    finish(player, poll)
    assert listener.data["/joint_commands"] == []
    assert "/joint_commands (std_msgs/msg/String) is not played: it would move a robot that hears it" in player.output
    finish(start_node(MODULE, *parameters(bag, with_commands="true")), poll)
    assert listener.texts("/joint_commands") == ["move"]
    assert listener.texts(ONE) == ["a", "b", "a", "b"]


def test_types_that_are_not_installed_are_named_once_and_the_rest_plays(
    start_node: "StartNode", listener: Listener, poll: "Poll", tmp_path: Path
) -> None:
    bag = write_bag(
        tmp_path / "bag", [(ONE, 0.0, "a"), ("/tf", 1.0, "x"), ("/tf", 2.0, "y")], types={"/tf": "no_msgs/msg/Such"}
    )
    listener.listen(ONE)
    player = start_node(MODULE, *parameters(bag))
    finish(player, poll)
    assert listener.texts(ONE) == ["a"]
    assert player.output.count("/tf (no_msgs/msg/Such) is not played: The message type no_msgs/msg/Such is not") == 1


def test_publishers_offer_what_the_bag_says_and_topics_get_the_names_asked_for(
    start_node: "StartNode", make_node: "MakeNode", poll: "Poll", tmp_path: Path
) -> None:
    weak = QosOffer(reliability=Reliability.BEST_EFFORT, deadline_ns=250 * MS)
    bag = write_bag(tmp_path / "bag", a_second(ONE, OTHER), offers={ONE: (weak,), OTHER: (weak, LATCHED_OFFER)})
    node = make_node("watch")
    player = start_node(MODULE, *parameters(bag, paused="true", delay_s=60, remap="['/one:=/robot/one']"))
    poll(lambda: node.count_publishers("/robot/one") and node.count_publishers(OTHER))
    (one,), (other,) = (node.get_publishers_info_by_topic(topic) for topic in ("/robot/one", OTHER))
    assert one.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT
    assert one.qos_profile.durability is DurabilityPolicy.VOLATILE
    assert one.qos_profile.deadline.nanoseconds == 250 * MS
    assert other.qos_profile.reliability is ReliabilityPolicy.RELIABLE
    assert other.qos_profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert node.count_publishers(ONE) == 0
    player.signal(signal.SIGTERM)
    finish(player, poll)


def test_a_loop_begins_again_until_it_is_told_not_to(
    start_node: "StartNode", listener: Listener, remote: Remote, poll: "Poll", tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", [(ONE, 0.0, "a"), (ONE, 200.0, "b")])
    listener.listen(ONE)
    player = start_node(MODULE, *parameters(bag, loop="true"))
    poll(lambda: len(listener.data[ONE]) >= 4)
    assert remote.set("loop", False).successful
    finish(player, poll)
    texts = listener.texts(ONE)
    assert texts == ["a", "b"] * (len(texts) // 2)


@pytest.mark.parametrize(
    ("others", "code", "words"),
    [
        ({"topics": "['/none']"}, 2, "The bag has no /none. It has /one."),
        ({"rate": 0}, 2, "The parameter rate is 0. It must be from 0.001 to 1000."),
        ({"by": "stamp"}, 2, "There is no order 'stamp'. It is log or publish."),
        ({"start_offset_s": 99}, 2, "The start offset 99 s lies behind the end of the bag."),
        ({"exclude_regex": "one"}, 1, "the options leave out every topic"),
        ({"remap": "['/one']"}, 2, "'/one' is not a remapping."),
    ],
)
def test_what_cannot_be_meant_is_refused_with_words(
    start_node: "StartNode", tmp_path: Path, others: dict[str, object], code: int, words: str
) -> None:
    bag = write_bag(tmp_path / "bag", [(ONE, 0.0, "a")])
    player = start_node(MODULE, *parameters(bag, **others))
    assert player.wait() == code
    assert words in player.output


def test_an_unfinished_bag_an_empty_one_and_a_cut_one_say_what_to_do(start_node: "StartNode", tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", a_second(ONE))
    unfinished = bag.rename(tmp_path / "e1.unfinished")
    cut = write_bag(tmp_path / "cut", a_second(ONE))
    (file,) = cut.glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-100])
    empty = BagWriter(tmp_path / "empty", options=BagOptions(), ros_distro="kilted")
    empty.seal(custom_data={})
    for path, words in (
        (unfinished, "humanoid-recorder recover"),
        (cut, "humanoid-recorder recover"),
        (tmp_path / "empty", "has no messages"),
    ):
        player = start_node(MODULE, *parameters(path))
        assert player.wait() == 1
        assert words in player.output
