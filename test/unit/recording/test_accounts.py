"""Every message is accounted for, whatever happens in whatever order."""

import threading
from collections import Counter
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humanoid_recorder.core.labels import Outcome
from humanoid_recorder.core.ledger import StreamLedger
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeRig, Rig

JOINTS, CAMERA, DESCRIPTION = 3, 4, 5
TOPICS = {
    "joints": "/joints",
    "head": "/head",
    "robot_description": "/robot_description",
    "/g1/recorder/events": "/g1/recorder/events",
}

messages = st.tuples(
    st.just("message"), st.sampled_from([JOINTS, CAMERA, DESCRIPTION]), st.sampled_from([4, 90, 500, 3000])
)
bursts = st.tuples(st.just("burst"), st.sampled_from([JOINTS, CAMERA]), st.integers(1, 60))
losses = st.tuples(st.just("lose"), st.sampled_from([JOINTS, CAMERA]), st.integers(1, 3))
commands = st.tuples(
    st.sampled_from(["receive", "start", "start", "stop", "judge", "discard", "mark"]), st.just(JOINTS), st.just(0)
)
schedules = st.lists(st.one_of(messages, messages, bursts, losses, commands), max_size=60)


def carry_out(rig: "Rig", operation: str, channel_id: int, number: int) -> None:
    recorder = rig.recorder
    match operation:
        case "message":
            rig.deliver(channel_id, bytes(number))
        case "burst":
            for _ in range(number):
                rig.receive(channel_id, bytes(300))
            rig.take_waiting()
        case "receive":
            rig.receive(channel_id)
        case "lose":
            for _ in range(number):
                rig.lose(channel_id)
        case "start" if recorder.live() is None:
            recorder.start()
        case "stop" if recorder.live() is not None:
            recorder.stop()
        case "judge" if recorder.live() is not None:
            recorder.judge(Outcome.SUCCESS)
        case "discard" if recorder.live() is not None:
            recorder.discard()
        case "mark" if recorder.live() is not None:
            recorder.mark()


@pytest.fixture
def corrections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """By how much each settlement of a ledger had to correct what the queue had counted as dropped."""
    corrected: list[int] = []
    settle = StreamLedger.settle

    def spy(ledger: StreamLedger, *, written: int) -> None:
        before = ledger.snapshot(written=written).dropped
        settle(ledger, written=written)
        corrected.append(ledger.snapshot(written=written).dropped - before)

    monkeypatch.setattr(StreamLedger, "settle", spy)
    return corrected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schedule=schedules,
    queue_max_bytes=st.sampled_from([1, 400, 4000, 2**28]),
    pre_roll_ns=st.sampled_from([0, 10**12]),
)
def test_received_and_latched_is_written_and_dropped_for_every_stream_of_every_episode(
    make_rig: "MakeRig",
    rig: "Rig",
    corrections: list[int],
    schedule: list[tuple[str, int, int]],
    queue_max_bytes: int,
    pre_roll_ns: int,
) -> None:
    channels = [line.channel for line in rig.recorder.intake._lines.values()]
    made = make_rig(queue_max_bytes=queue_max_bytes, pre_roll_ns=pre_roll_ns)
    made.subscribe(*channels)
    for operation in schedule:
        carry_out(made, *operation)
    assert made.recorder.close(reason="end", timeout_s=30)
    directories = [path for path in made.folder.path.rglob("*") if (path / "metadata.yaml").exists()]
    kept, discarded = made.recorder.sealed.counts()
    assert len(directories) == kept + discarded
    for directory in directories:
        assert_accounts_balance(directory)
        if queue_max_bytes == 2**28:
            assert not any(ledger.dropped for ledger in EpisodeFile.read(directory).ledger.values())
    assert not any(corrections), "the queue itself counts every drop, and in the right episode"


def assert_accounts_balance(directory: Path) -> Counter[str]:
    """Compare the record of an episode with its bag; returns the messages in it by topic."""
    file = EpisodeFile.read(directory)
    counted = Counter(message.topic for message in BagReader(directory).messages())
    for name, ledger in file.ledger.items():
        assert ledger.received + ledger.latched == ledger.written + ledger.dropped, name
        assert ledger.written == counted[TOPICS[name]], name
        assert ledger.dropped >= 0, name
    assert file.stop is not None
    assert file.stop.messages == sum(counted.values())
    assert file.stop.dropped == sum(ledger.dropped for ledger in file.ledger.values())
    assert [finding.check for finding in file.findings] == ["queue_full"] * bool(file.stop.dropped)
    return counted


class PouringIngest:
    """A thread that delivers without a pause, and carries out a flush between two deliveries, as the real ones do."""

    def __init__(self, rig: "Rig") -> None:
        self._rig = rig
        self._requests: SimpleQueue[Future[None]] = SimpleQueue()
        self._running = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def flush(self) -> None:
        done: Future[None] = Future()
        self._requests.put(done)
        done.result(60)

    def stop(self) -> None:
        self._running = False
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while self._running or not self._requests.empty():
            for channel_id in (JOINTS, JOINTS, CAMERA):
                number += 1
                self._rig.receive(channel_id, bytes(number * 7919 % 2000))
            self._rig.take_waiting()
            while not self._requests.empty():
                self._requests.get().set_result(None)


def has_received(ledger: StreamLedger, messages: int) -> bool:
    return ledger.snapshot(written=0).received > messages


@pytest.mark.parametrize("queue_max_bytes", [5_000, 2**28])
def test_commands_while_messages_pour_in_lose_no_account_and_never_block(
    make_rig: "MakeRig", rig: "Rig", monkeypatch: pytest.MonkeyPatch, corrections: list[int], queue_max_bytes: int
) -> None:
    channels = [line.channel for line in rig.recorder.intake._lines.values()]
    made = make_rig(queue_max_bytes=queue_max_bytes)
    made.subscribe(*channels)
    ingest = PouringIngest(made)
    monkeypatch.setattr(made.recorder, "_flush", ingest.flush)
    episodes = []
    for number in range(12):
        episode = made.recorder.start()
        ledger = episode.ledgers[CAMERA]
        made.wait_for(partial(has_received, ledger, 20))
        made.recorder.mark()
        made.subscribe(channels[number % 2])
        made.recorder.judge(Outcome.SUCCESS) if number % 3 else made.recorder.stop()
        episodes.append(episode.id)
    made.recorder.start()
    assert made.recorder.close(reason="end", timeout_s=60)
    ingest.stop()
    for episode_id in episodes:
        counted = assert_accounts_balance(made.directory(episode_id))
        accounts = made.file(episode_id).ledger
        assert accounts["joints"].lost == accounts["head"].lost == 0
        if queue_max_bytes == 2**28:
            assert counted["/joints"] >= 20
            assert not any(account.dropped for account in accounts.values())
    assert not any(corrections)


def test_drops_are_shown_while_recording_and_charged_to_the_right_episode(make_rig: "MakeRig", rig: "Rig") -> None:
    channels = [line.channel for line in rig.recorder.intake._lines.values()]
    made = make_rig(queue_max_bytes=1000)
    made.subscribe(*channels)
    first = made.recorder.start()
    made.deliver(JOINTS, bytes(2000))
    assert (first.account(JOINTS).received, first.account(JOINTS).dropped) == (1, 1)
    made.recorder.stop()
    second = made.recorder.start()
    made.deliver(CAMERA, bytes(2000))
    made.deliver(CAMERA, bytes(2000))
    assert (second.account(CAMERA).dropped, second.account(JOINTS).dropped) == (2, 0)
    made.recorder.stop()
    made.wait_until_sealed()
    assert {name: ledger.dropped for name, ledger in made.file(first.id).ledger.items() if ledger.dropped} == {
        "joints": 1
    }
    assert {name: ledger.dropped for name, ledger in made.file(second.id).ledger.items() if ledger.dropped} == {
        "head": 2
    }
