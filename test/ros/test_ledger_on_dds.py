"""The ledger against senders that number their messages, skip, restart, join late and double up on purpose."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.timer import Timer
from std_msgs.msg import String

from humanoid_recorder.core.ledger import NO_PUBLISHER_ID, Head, StreamAccount, Tail
from humanoid_recorder.recording.state import Phase
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, Operator, Poll, StartRecorder

TOPIC = "/numbers"
BURST_BYTES = 64 * 1024
"""So many bytes a message that a few of them fill what the transport holds for a reader that sleeps."""

MOST_ATTEMPTS = 20
"""A busy computer may send nothing within the 100 ms after a stop that make the tail of an episode known."""


class Sender:
    """Sends strings that begin with their own number, from 1: the number that DDS gives them too."""

    def __init__(self, node: Node, topic: str = TOPIC, *, depth: int = 100) -> None:
        self._node = node
        self._publisher: Publisher[String] = node.create_publisher(String, topic, QoSProfile(depth=depth))
        self._timer: Timer | None = None
        self.sent = 0

    def send(self, count: int = 1, *, size: int = 0) -> None:
        for _ in range(count):
            self.sent += 1
            self._publisher.publish(String(data=f"{self.sent} ".ljust(size, "x")))

    def send_always(self) -> None:
        """Send at 100 Hz for as long as the test spins."""
        self._timer = self._node.create_timer(0.01, self.send)

    def is_matched(self) -> bool:
        return self._publisher.get_subscription_count() > 0

    def end(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)


MakeSender = Callable[..., Sender]


@pytest.fixture
def make_sender(make_node: "MakeNode") -> MakeSender:
    node = make_node("sender")
    return lambda topic=TOPIC, depth=100: Sender(node, topic, depth=depth)


def numbers(directory: Path, topic: str = TOPIC) -> list[int]:
    """Read the numbers of a topic's messages out of a bag."""
    decoded = []
    for message in BagReader(directory).messages([topic]):
        size = int.from_bytes(message.data[4:8], "little")
        decoded.append(int(message.data[8 : 8 + size].split()[0]))
    return decoded


def record(operator: "Operator", meanwhile: Callable[[], None]) -> Path:
    """Record an episode and return its bag."""
    before = len(operator.state.recent)
    operator.command("start")
    meanwhile()
    operator.command("stop")
    return Path(operator.wait_for_sealed(before + 1).recent[-1].path)


def account(directory: Path, topic: str = TOPIC) -> StreamAccount:
    return EpisodeFile.read(directory).ledger[topic]


def received(operator: "Operator", count: int, topic: str = TOPIC) -> Callable[[], bool]:
    """Tell whether the running episode has so many messages of the topic."""

    def enough() -> bool:
        streams = operator.state.streams if operator.state.episode is not None else ()
        return any(stream.topic == topic and stream.received >= count for stream in streams)

    return enough


def test_two_episodes_in_a_row_share_no_message_and_miss_none(
    make_sender: MakeSender, start_recorder: "StartRecorder", operator: "Operator", poll: "Poll"
) -> None:
    make_sender().send_always()
    start_recorder()
    operator.wait_for(Phase.ARMED)
    for _ in range(MOST_ATTEMPTS):
        first = record(operator, lambda: poll(received(operator, 20)))
        second = record(operator, lambda: poll(received(operator, 20)))
        one, other = numbers(first), numbers(second)
        assert one == list(range(one[0], one[-1] + 1))
        assert other == list(range(other[0], other[-1] + 1))
        assert one[-1] < other[0]
        results = [account(first), account(second)]
        assert [(result.lost, result.head) for result in results] == [(0, Head.WHOLE)] * 2
        unknown = [EpisodeFile.read(directory).stop.unknown_tails for directory in (first, second)]  # type: ignore[union-attr]
        assert unknown == [() if result.tail is Tail.CLOSED else (TOPIC,) for result in results]
        if unknown == [(), ()]:
            return
    pytest.fail("no stop was ever followed by a message within 100 ms")


def test_what_a_sleeping_recorder_did_not_get_is_counted_message_by_message(
    make_sender: MakeSender, start_recorder: "StartRecorder", operator: "Operator", poll: "Poll", make_node: "MakeNode"
) -> None:
    levels: list[DiagnosticStatus] = []
    make_node("watcher").create_subscription(
        DiagnosticArray, "/diagnostics", lambda array: levels.extend(array.status), 10
    )
    sender = make_sender(depth=2)
    sender.send_always()
    recorder = start_recorder()
    operator.wait_for(Phase.ARMED)

    def sleep_through_a_burst() -> None:
        poll(received(operator, 10))
        recorder.signal(signal.SIGSTOP)
        sender.send(200, size=BURST_BYTES)
        recorder.signal(signal.SIGCONT)
        poll(received(operator, 40))
        poll(lambda: any(TOPIC in status.name and "lost before" in status.message for status in levels))

    directory = record(operator, sleep_through_a_burst)
    there, result = numbers(directory), account(directory)
    missing = set(range(there[0], there[-1])) - set(there)
    assert there == sorted(set(there))
    assert missing
    assert result.received == result.written == len(there)
    assert result.lost is not None
    assert len(missing) <= result.lost <= sender.sent - len(there)
    stop = EpisodeFile.read(directory).stop
    assert stop is not None
    assert stop.lost == result.lost


def test_a_publisher_that_restarts_is_two_lives_and_no_loss(
    make_sender: MakeSender, start_recorder: "StartRecorder", operator: "Operator", poll: "Poll"
) -> None:
    steady = make_sender("/steady")
    steady.send_always()
    start_recorder()
    operator.wait_for(Phase.ARMED)
    lives: list[int] = []

    def live(count: int) -> None:
        sender = make_sender()
        poll(sender.is_matched)
        sender.send(count)
        lives.append(count)
        poll(received(operator, sum(lives)))
        sender.end()

    def restart() -> None:
        live(12)
        live(7)

    directory = record(operator, restart)
    assert numbers(directory) == [*range(1, 13), *range(1, 8)]
    result = account(directory)
    assert (result.received, result.publishers, result.lost) == (19, 2, 0)
    assert (result.head, result.tail) == (Head.WHOLE, Tail.UNKNOWN)
    assert EpisodeFile.read(directory).stop.unknown_tails == (TOPIC,)  # type: ignore[union-attr]


def test_what_was_sent_before_we_found_a_publisher_is_no_loss_and_the_head_says_so(
    make_sender: MakeSender, start_recorder: "StartRecorder", operator: "Operator", poll: "Poll"
) -> None:
    make_sender("/steady").send_always()
    start_recorder()
    operator.wait_for(Phase.ARMED)

    def join_late() -> None:
        sender = make_sender()
        sender.send(30)
        poll(sender.is_matched)
        sender.send_always()
        poll(received(operator, 10))

    directory = record(operator, join_late)
    there, result = numbers(directory), account(directory)
    assert there[0] > 1
    assert (result.lost, result.head) == (0, Head.JOINED_LATE)
    assert account(directory, "/steady").head is Head.WHOLE


def test_two_publishers_of_one_topic_are_told_apart_or_the_loss_is_unknown(
    make_sender: MakeSender, start_recorder: "StartRecorder", operator: "Operator", poll: "Poll"
) -> None:
    senders = [make_sender(), make_sender()]
    for sender in senders:
        sender.send_always()
    start_recorder()
    operator.wait_for(Phase.ARMED)
    operator.poll(lambda: len(operator.node.get_publishers_info_by_topic(TOPIC)) == len(senders))
    directory = record(operator, lambda: poll(received(operator, 40)))
    result = account(directory)
    assert result.received == result.written == len(numbers(directory))
    if result.lost is None:  # Jazzy
        assert (result.lost_reason, result.tail) == (NO_PUBLISHER_ID, Tail.UNKNOWN)
    else:
        assert (result.lost, result.publishers) == (0, 2)
