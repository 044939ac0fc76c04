"""The gate between ingest and queue, on clocks that the test sets."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.clocks import LogClock
from humanoid_recorder.core.labels import End, Labels
from humanoid_recorder.core.ledger import NO_PUBLISHER_ID, Head, Tail
from humanoid_recorder.core.preroll import PreRoll
from humanoid_recorder.core.queue import SampleQueue
from humanoid_recorder.core.samples import Arrival, Sample
from humanoid_recorder.core.streams import FieldStamp
from humanoid_recorder.recording import intake as intake_module
from humanoid_recorder.recording.channels import EVENTS_CHANNEL_ID
from humanoid_recorder.recording.intake import Intake
from humanoid_recorder.recording.live_episode import LiveEpisode, Stop
from humanoid_recorder.storage.bag_writer import BagWriter

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel

JOINTS, CAMERA, DESCRIPTION = 3, 4, 5
EPOCH, S, MS = 1_795_160_424_000_000_000, 1_000_000_000, 1_000_000


class Gate:
    """An intake with an open hand on both clocks, and nobody behind the queue."""

    def __init__(self, directory: Path, *, pre_roll_ns: int) -> None:
        self._directory = directory
        self.wall_ns = EPOCH
        self.monotonic_ns = 77 * S
        self.failures: list[Exception] = []
        self.selected: list[LiveEpisode] = []
        self.ended: list[str] = []
        self.queue = SampleQueue(max_bytes=2**20, on_drop=lambda _sample: None)
        self.intake = Intake(
            self.queue,
            PreRoll(span_ns=pre_roll_ns, max_bytes=2**20),
            select_bag=self.selected.append,
            on_failure=self.failures.append,
            clock=LogClock(wall_ns=lambda: self.wall_ns, monotonic_ns=lambda: self.monotonic_ns),
        )
        self._sequence = 0
        self.bags: list[BagWriter] = []

    def pass_ns(self, ns: int) -> None:
        self.wall_ns += ns
        self.monotonic_ns += ns

    def arrival(self, data: bytes = b"\0\1\0\0data", *, publisher: bytes | None = b"p", **times: int) -> Arrival:
        self._sequence += 1
        sequence = times.get("sequence", self._sequence)
        received_ns = times.get("received_ns", self.wall_ns)
        return Arrival(data, received_ns, times.get("source_ns", received_ns - 50), sequence, publisher)

    def begin(self) -> LiveEpisode:
        bag = BagWriter(self._directory / f"bag{len(self.bags)}", ros_distro="kilted")
        self.bags.append(bag)
        episode = LiveEpisode(
            id=bag.directory.name, start_ns=0, labels=Labels(), bag=bag, events_topic="/recorder/events"
        )
        self.intake.begin(episode)
        return episode

    def end(self, episode: LiveEpisode, *, waits_for_tails: bool = False, is_drained: bool = True) -> None:
        episode.stop = Stop(End.STOPPED, self.intake.clock.now_ns())
        if is_drained:
            self.intake.drained(self.monotonic_ns)
        self.intake.end(episode, on_end=lambda: self.ended.append(episode.id), waits_for_tails=waits_for_tails)

    def accept(self, channel_id: int, arrivals: list[Arrival], *, is_drained: bool = True) -> None:
        """Deliver messages of one channel, and by default say that nothing else waits."""
        self.intake.accept([(channel_id, arrivals)])
        if is_drained:
            self.intake.drained(self.monotonic_ns)

    def queued(self) -> list[Sample]:
        items = self.queue.take(enough_bytes=0, max_wait_s=0)
        assert items is not None
        return [item for item in items if isinstance(item, Sample)]

    def queued_and_done(self) -> tuple[list[Sample], list[str]]:
        """Take what is queued as the writer does; returns the messages and the episodes that ended behind them."""
        samples = [sample for samples in self._take().values() for sample in samples]
        return samples, self.ended

    def by_bag(self) -> dict[str, list[bytes]]:
        """Take what is queued as the writer does; returns the payloads each bag gets."""
        return {bag: [sample.data for sample in samples] for bag, samples in self._take().items() if samples}

    def _take(self) -> dict[str, list[Sample]]:
        taken: dict[str, list[Sample]] = {}
        for item in self.queue.take(enough_bytes=0, max_wait_s=0) or []:
            if isinstance(item, Sample):
                taken.setdefault(self.selected[-1].id, []).append(item)
            else:
                item()
        return taken


MakeGate = Callable[..., Gate]


@pytest.fixture
def make_gate(tmp_path: Path, make_channel: "MakeChannel", monkeypatch: pytest.MonkeyPatch) -> "Callable[..., Gate]":
    made: list[Gate] = []

    def make(*, pre_roll_ns: int = 0) -> Gate:
        gate = Gate(tmp_path, pre_roll_ns=pre_roll_ns)
        made.append(gate)
        monkeypatch.setattr(intake_module, "time", SimpleNamespace(time_ns=lambda: gate.wall_ns))
        for channel in (make_channel(JOINTS, "joints"), make_channel(DESCRIPTION, "description", latched=True)):
            gate.intake.set_channel(channel, is_new_subscription=True)
        return gate

    return make


def test_a_message_gets_its_three_times_and_its_number(make_gate: MakeGate) -> None:
    gate = make_gate()
    gate.begin()
    gate.pass_ns(10 * MS)
    gate.accept(JOINTS, [gate.arrival(b"bytes", received_ns=gate.wall_ns - MS, sequence=12)])
    assert gate.queued() == [Sample(JOINTS, b"bytes", EPOCH + 9 * MS, EPOCH + 9 * MS - 50, None, 12)]


def test_without_a_source_time_the_publish_time_is_the_log_time(make_gate: MakeGate) -> None:
    gate = make_gate()
    gate.begin()
    gate.accept(JOINTS, [gate.arrival(source_ns=0)])
    (sample,) = gate.queued()
    assert sample.publish_ns == sample.log_ns


def test_stamps_are_read_by_the_rule_of_the_stream(make_gate: MakeGate, make_channel: "MakeChannel") -> None:
    gate = make_gate()
    stamped = make_channel(9, "headset", stamp=FieldStamp(4, "uint32", "ms"))
    gate.intake.set_channel(stamped, is_new_subscription=True)
    episode = gate.begin()
    gate.accept(9, [gate.arrival(b"\0\1\0\0\7\0\0\0"), gate.arrival(b"\0\1\0\0")])
    assert [sample.stamp_ns for sample in gate.queued()] == [7 * MS, None]
    assert episode.account(9).unstamped == 1


def test_before_the_start_and_after_the_end_nothing_is_queued_but_it_is_noticed(make_gate: MakeGate) -> None:
    gate = make_gate()
    gate.accept(JOINTS, [gate.arrival(b"1"), gate.arrival(b"22")])
    gate.end(gate.begin())
    gate.pass_ns(S)
    gate.accept(JOINTS, [gate.arrival(b"333")])
    assert gate.queued() == []
    activity = gate.intake.activity()[JOINTS]
    assert (activity.received, activity.bytes, activity.last_log_ns) == (3, 6, EPOCH + S)


def test_what_was_received_before_the_start_and_taken_after_it_is_not_of_the_episode(make_gate: MakeGate) -> None:
    gate = make_gate()
    waiting = [gate.arrival(b"before")]
    gate.pass_ns(2 * MS)
    episode = gate.begin()
    gate.pass_ns(1 * MS)
    gate.accept(JOINTS, [*waiting, gate.arrival(b"after")])
    gate.accept(JOINTS, waiting)
    assert [sample.data for sample in gate.queued()] == [b"after"]
    assert (episode.account(JOINTS).received, episode.account(JOINTS).lost) == (1, 0)


def test_a_latched_message_received_before_the_start_and_taken_after_it_is_replayed(make_gate: MakeGate) -> None:
    gate = make_gate()
    waiting = gate.arrival(b"urdf")
    gate.pass_ns(2 * MS)
    episode = gate.begin()
    gate.pass_ns(1 * MS)
    gate.accept(DESCRIPTION, [waiting])
    (sample,) = gate.queued()
    assert (sample.data, sample.log_ns, sample.publish_ns) == (b"urdf", episode.start_ns, EPOCH - 50)
    account = episode.account(DESCRIPTION)
    assert (account.received, account.latched) == (0, 1)
    assert [replay.first_received_ns for replay in episode.latched] == [EPOCH]


def test_a_pre_roll_has_no_hole_before_the_start(make_gate: MakeGate) -> None:
    """The last messages before it have been received and not yet been taken."""
    gate = make_gate(pre_roll_ns=S)
    gate.accept(JOINTS, [gate.arrival(b"1")])
    gate.pass_ns(2 * MS)
    waiting = gate.arrival(b"2")
    gate.pass_ns(1 * MS)
    episode = gate.begin()
    gate.pass_ns(1 * MS)
    gate.accept(JOINTS, [waiting, gate.arrival(b"3")])
    assert [sample.data for sample in gate.queued()] == [b"1", b"2", b"3"]
    assert (episode.start_ns, episode.first_ns) == (EPOCH + 3 * MS, EPOCH)
    assert (episode.account(JOINTS).received, episode.account(JOINTS).lost) == (3, 0)


def test_a_pre_roll_reaches_back_from_the_start_and_not_from_the_last_message(make_gate: MakeGate) -> None:
    gate = make_gate(pre_roll_ns=S)
    gate.accept(JOINTS, [gate.arrival(b"an hour ago")])
    gate.pass_ns(3600 * S)
    episode = gate.begin()
    assert gate.queued() == []
    assert episode.first_ns == episode.start_ns


def test_a_pre_roll_moves_with_the_clock_when_that_is_set_before_the_start(make_gate: MakeGate) -> None:
    gate = make_gate(pre_roll_ns=S)
    gate.accept(JOINTS, [gate.arrival(b"1")])
    gate.pass_ns(10 * MS)
    gate.wall_ns += 3600 * S
    episode = gate.begin()
    assert episode.start_ns == gate.wall_ns
    assert [sample.log_ns for sample in gate.queued()] == [gate.wall_ns - 10 * MS]
    assert gate.intake.activity()[JOINTS].last_log_ns == gate.wall_ns - 10 * MS


@pytest.mark.parametrize("step_ns", [3600 * S, -3600 * S])
def test_a_clock_set_while_recording_neither_moves_nor_loses_a_message(make_gate: MakeGate, step_ns: int) -> None:
    gate = make_gate()
    gate.accept(DESCRIPTION, [gate.arrival()])
    episode = gate.begin()
    gate.pass_ns(5 * S)
    gate.accept(JOINTS, [gate.arrival(b"1")])
    gate.pass_ns(MS)
    waiting = [gate.arrival(b"2"), gate.arrival(b"3")]
    gate.wall_ns += step_ns
    gate.pass_ns(MS)
    gate.accept(DESCRIPTION, waiting[:1])
    gate.accept(JOINTS, waiting[1:])
    gate.pass_ns(MS)
    gate.accept(JOINTS, [gate.arrival(b"4")])
    logged = {sample.data: sample.log_ns - episode.start_ns for sample in gate.queued()}
    assert logged[b"1"] == 5 * S
    assert all(5 * S <= logged[data] <= 5 * S + 2 * MS for data in (b"2", b"3"))
    assert logged[b"4"] == 5 * S + 3 * MS
    (finding,) = episode.findings
    assert (finding.check, finding.message) == ("clock_step", f"the system clock was set by {step_ns // S:+d}.000 s")


def test_loss_is_unknown_where_several_publishers_cannot_be_told_apart(
    make_gate: MakeGate, make_channel: "MakeChannel"
) -> None:
    gate = make_gate(pre_roll_ns=S)
    two = make_channel(JOINTS, "joints", publishers=("/a", "/b"))
    gate.intake.set_channel(two, is_new_subscription=False)
    gate.accept(JOINTS, [gate.arrival(publisher=None)])
    only_pre_roll = gate.begin()
    assert only_pre_roll.account(JOINTS).lost_reason == NO_PUBLISHER_ID
    gate.end(only_pre_roll)
    episode = gate.begin()
    gate.accept(JOINTS, [gate.arrival(publisher=None), gate.arrival(publisher=None)])
    assert (episode.account(JOINTS).received, episode.account(JOINTS).lost) == (2, None)


def test_loss_is_known_for_one_publisher_that_has_no_identity(make_gate: MakeGate) -> None:
    gate = make_gate()
    episode = gate.begin()
    gate.accept(JOINTS, [gate.arrival(publisher=None, sequence=n) for n in (1, 2, 5)])
    assert episode.account(JOINTS).lost == 2


def test_a_channel_keeps_its_counts_when_it_is_subscribed_anew(
    make_gate: MakeGate, make_channel: "MakeChannel"
) -> None:
    gate = make_gate()
    episode = gate.begin()
    gate.accept(JOINTS, [gate.arrival()])
    gate.intake.set_channel(make_channel(JOINTS, "joints"), is_new_subscription=True)
    gate.accept(JOINTS, [gate.arrival()])
    assert gate.intake.activity()[JOINTS].received == 2
    assert episode.account(JOINTS).received == 2


def test_a_message_of_our_own_goes_nowhere_without_an_episode(make_gate: MakeGate) -> None:
    gate = make_gate()
    gate.intake.inject(1, b"event")
    episode = gate.begin()
    gate.intake.inject(1, b"event")
    assert [sample.sequence for sample in gate.queued()] == [1]
    assert episode.account(1).received == 1


def test_a_dead_ingest_is_passed_on(make_gate: MakeGate) -> None:
    gate = make_gate()
    error = RuntimeError("gone")
    gate.intake.ingest_failed(error)
    assert gate.failures == [error]


def fast_stream(gate: Gate, *data: bytes) -> None:
    """Let joints arrive every 10 ms."""
    for each in data:
        gate.pass_ns(10 * MS)
        gate.accept(JOINTS, [gate.arrival(each)])


def test_a_message_received_before_the_stop_and_delivered_after_it_is_of_the_episode(make_gate: MakeGate) -> None:
    gate = make_gate()
    episode = gate.begin()
    fast_stream(gate, b"1", b"2")
    waiting = gate.arrival(b"3")
    gate.pass_ns(MS)
    gate.end(episode, waits_for_tails=True)
    gate.pass_ns(MS)
    gate.accept(JOINTS, [waiting, gate.arrival(b"4")])
    samples, done = gate.queued_and_done()
    assert ([sample.data for sample in samples], done) == ([b"1", b"2", b"3"], ["bag0"])
    account = episode.account(JOINTS)
    assert (account.received, account.lost, account.tail) == (3, 0, Tail.CLOSED)


def test_what_is_missing_at_the_end_is_counted_by_the_next_message(make_gate: MakeGate) -> None:
    gate = make_gate()
    episode = gate.begin()
    fast_stream(gate, b"1", b"2")
    gate.arrival(b"sent, and never delivered")
    gate.end(episode, waits_for_tails=True)
    fast_stream(gate, b"after")
    account = episode.account(JOINTS)
    assert (account.received, account.lost, account.tail) == (2, 1, Tail.CLOSED)
    assert account.head is Head.WHOLE


def test_after_a_tenth_of_a_second_the_tail_is_given_up(make_gate: MakeGate) -> None:
    gate = make_gate()
    episode = gate.begin()
    fast_stream(gate, b"1", b"2")
    gate.end(episode, waits_for_tails=True)
    gate.pass_ns(99 * MS)
    gate.intake.end_overdue_waits()
    assert gate.queued_and_done()[1] == []
    gate.pass_ns(MS)
    gate.intake.end_overdue_waits()
    assert gate.queued_and_done()[1] == ["bag0"]
    assert episode.account(JOINTS).tail is Tail.UNKNOWN


@pytest.mark.parametrize("waits_for_tails", [True, False])
def test_there_is_no_wait_for_a_slow_stream_or_when_told_not_to(make_gate: MakeGate, waits_for_tails: bool) -> None:
    gate = make_gate()
    episode = gate.begin()
    if waits_for_tails:
        gate.accept(JOINTS, [gate.arrival(b"the only one")])
    else:
        fast_stream(gate, b"1", b"2")
    gate.end(episode, waits_for_tails=waits_for_tails)
    assert gate.queued_and_done()[1] == ["bag0"]


def test_the_next_episode_begins_at_once_and_late_messages_still_find_the_last(make_gate: MakeGate) -> None:
    gate = make_gate()
    first = gate.begin()
    fast_stream(gate, b"1", b"2")
    waiting = [gate.arrival(b"3")]
    gate.pass_ns(MS)
    gate.end(first, waits_for_tails=True)
    gate.pass_ns(MS)
    waiting.append(gate.arrival(b"of neither"))
    gate.pass_ns(MS)
    second = gate.begin()
    gate.pass_ns(MS)
    gate.accept(JOINTS, [*waiting, gate.arrival(b"5")])
    fast_stream(gate, b"6")
    assert gate.by_bag() == {"bag0": [b"1", b"2", b"3"], "bag1": [b"5", b"6"]}
    for episode, received in ((first, 3), (second, 2)):
        account = episode.account(JOINTS)
        assert (account.received, account.lost, account.head) == (received, 0, Head.WHOLE)
    assert first.account(JOINTS).tail is Tail.CLOSED


def test_a_late_message_of_a_stopped_episode_is_not_in_the_pre_roll_of_the_next(make_gate: MakeGate) -> None:
    gate = make_gate(pre_roll_ns=S)
    first = gate.begin()
    fast_stream(gate, b"1", b"2")
    waiting = gate.arrival(b"3")
    gate.pass_ns(MS)
    gate.end(first, waits_for_tails=True)
    gate.pass_ns(MS)
    gate.accept(JOINTS, [waiting, gate.arrival(b"4")])
    second = gate.begin()
    assert gate.by_bag() == {"bag0": [b"1", b"2", b"3"], "bag1": [b"4"]}
    account = second.account(JOINTS)
    assert (account.received, account.lost, account.head) == (1, 0, Head.WHOLE)


def test_a_loss_between_two_messages_of_the_pre_roll_is_counted_and_one_before_it_is_not(make_gate: MakeGate) -> None:
    gate = make_gate(pre_roll_ns=15 * MS)
    for lost_before in (0, 3, 0, 2):
        for _ in range(lost_before):
            gate.arrival(b"lost")
        fast_stream(gate, b"x")
    account = gate.begin().account(JOINTS)
    assert (account.received, account.lost, account.head) == (2, 2, Head.WHOLE)


def test_where_an_unnamed_publisher_is_replaced_between_episodes_its_numbers_are_not_compared(
    make_gate: MakeGate, make_channel: "MakeChannel"
) -> None:
    gate = make_gate()
    gate.accept(JOINTS, [gate.arrival(publisher=None, sequence=3)])
    replaced = replace(make_channel(JOINTS, "joints"), publisher_gids=(b"new",))
    gate.intake.set_channel(replaced, is_new_subscription=False)
    episode = gate.begin()
    gate.accept(JOINTS, [gate.arrival(publisher=None, sequence=9)])
    account = episode.account(JOINTS)
    assert (account.received, account.lost, account.head) == (1, 0, Head.JOINED_LATE)


def test_nobody_waits_for_the_end_of_our_own_events(make_gate: MakeGate) -> None:
    gate = make_gate()
    episode = gate.begin()
    gate.intake.inject(EVENTS_CHANNEL_ID, b"\0\1\0\0event")
    gate.end(episode, waits_for_tails=True)
    assert gate.queued_and_done()[1] == ["bag0"]
    account = episode.account(EVENTS_CHANNEL_ID)
    assert (account.received, account.lost, account.head, account.tail) == (1, 0, Head.WHOLE, Tail.CLOSED)


def test_while_a_backlog_is_being_taken_the_end_waits_for_what_was_received_before_the_stop(
    make_gate: MakeGate,
) -> None:
    gate = make_gate()
    episode = gate.begin()
    fast_stream(gate, b"1", b"2")
    waiting = gate.arrival(b"3")
    gate.pass_ns(MS)
    gate.end(episode, waits_for_tails=True, is_drained=False)
    gate.pass_ns(500 * MS)
    gate.intake.end_overdue_waits()
    assert gate.queued_and_done()[1] == []
    gate.accept(JOINTS, [waiting], is_drained=False)
    gate.intake.end_overdue_waits()
    samples, done = gate.queued_and_done()
    assert ([sample.data for sample in samples], done) == ([b"3"], [])
    gate.intake.drained(gate.monotonic_ns)
    gate.intake.end_overdue_waits()
    assert gate.queued_and_done()[1] == ["bag0"]
    assert episode.account(JOINTS).received == 3


def test_a_backlog_that_never_ends_is_given_up(make_gate: MakeGate) -> None:
    gate = make_gate()
    episode = gate.begin()
    fast_stream(gate, b"1", b"2")
    gate.pass_ns(MS)
    gate.end(episode, waits_for_tails=True, is_drained=False)
    gate.pass_ns(2 * S)
    gate.intake.end_overdue_waits()
    assert gate.queued_and_done()[1] == ["bag0"]
    assert episode.account(JOINTS).tail is Tail.UNKNOWN
