"""What earlier sessions left unfinished is repaired in the background, and the recording comes first."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from humanoid_recorder.core.samples import Sample
from humanoid_recorder.recording.repairs import Repair, Repairs
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter
from humanoid_recorder.storage.layout import SessionFolder
from humanoid_recorder.storage.recovery import recover_bag

WAIT_S = 30.0
START_NS = 1_795_160_424_000_000_000


class Rig:
    """Repairs, and what they say."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.said: list[Repair] = []
        self.is_busy = False
        self.asked = threading.Event()
        self.priority: int | None = None

    def start(self, *, reserve_bytes: int = 1) -> Repairs:
        return Repairs(
            self.out,
            own_session=self.out / "own",
            reserve_bytes=reserve_bytes,
            is_busy=self.ask,
            on_repair=self.said.append,
        )

    def ask(self) -> bool:
        self.priority = os.getpriority(os.PRIO_PROCESS, 0)
        self.asked.set()
        return self.is_busy


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def unfinished(directory: Path) -> Path:
    directory.parent.mkdir(exist_ok=True)
    bag = BagWriter(directory, options=BagOptions(chunk_bytes=2000), ros_distro="kilted")
    bag.add_topic(BagTopic(1, "/words", "std_msgs/msg/String", "string data", "", ()))
    bag.write([Sample(1, b"\x01" * 100, START_NS + at, START_NS, None, at) for at in range(100)])
    bag.flush()
    bag.abandon()
    return bag.unfinished_directory


def test_episodes_of_earlier_sessions_are_repaired_with_the_lowest_priority(rig: Rig) -> None:
    for name in ("s1/a", "s2/b"):
        unfinished(rig.out / name)
    repairs = rig.start()
    assert repairs.join(WAIT_S)
    repairs.close()
    assert [repair.is_good for repair in rig.said] == [True, True]
    assert "repaired" in rig.said[0].message
    assert "100 messages" in rig.said[0].message
    for name in ("s1/a", "s2/b"):
        assert BagReader(rig.out / name).summary().message_count == 100
    assert rig.priority == 19


def test_its_own_session_and_those_in_use_are_left_alone(rig: Rig) -> None:
    own, theirs = unfinished(rig.out / "own" / "a"), unfinished(rig.out / "theirs" / "b")
    folder = SessionFolder(theirs.parent)
    repairs = rig.start()
    assert repairs.join(WAIT_S)
    folder.release()
    assert own.exists()
    assert theirs.exists()
    assert rig.said == []


def test_while_an_episode_is_recorded_it_waits(rig: Rig) -> None:
    bag = unfinished(rig.out / "s1" / "a")
    rig.is_busy = True
    repairs = rig.start()
    assert rig.asked.wait(WAIT_S)
    assert [path.name for path in bag.iterdir()] == ["a_0.mcap"]
    rig.is_busy = False
    assert repairs.join(WAIT_S)
    assert [repair.is_good for repair in rig.said] == [True]


def test_a_recorder_that_closes_does_not_wait_for_it(rig: Rig) -> None:
    bag = unfinished(rig.out / "s1" / "a")
    rig.is_busy = True
    repairs = rig.start()
    assert rig.asked.wait(WAIT_S)
    repairs.close()
    assert repairs.join(WAIT_S)
    assert [path.name for path in bag.iterdir()] == ["a_0.mcap"]
    assert rig.said == []


def test_one_that_cannot_be_repaired_is_named_and_the_others_are_repaired(rig: Rig) -> None:
    broken = unfinished(rig.out / "s1" / "a")
    (broken / "a_0.mcap").write_bytes(bytes(1000))
    unfinished(rig.out / "s1" / "b")
    assert rig.start().join(WAIT_S)
    assert [repair.is_good for repair in rig.said] == [False, True]
    assert str(broken) in rig.said[0].message


def test_a_mistake_of_ours_does_not_keep_the_others_from_being_repaired(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        unfinished(rig.out / "s1" / name)
    real = recover_bag

    def fail_once(directory: Path, **options: object) -> object:
        if directory.name == "a.unfinished":
            raise KeyError("mistake")
        return real(directory)

    monkeypatch.setattr("humanoid_recorder.recording.repairs.recover_bag", fail_once)
    assert rig.start().join(WAIT_S)
    assert [repair.is_good for repair in rig.said] == [False, True]
    assert "KeyError" in rig.said[0].message


def test_a_disk_that_would_become_too_full_to_record_is_not_filled(rig: Rig) -> None:
    bag = unfinished(rig.out / "s1" / "a")
    assert rig.start(reserve_bytes=shutil.disk_usage(rig.out).free).join(WAIT_S)
    assert [path.name for path in bag.iterdir()] == ["a_0.mcap"]
    assert "too full" in rig.said[0].message


def test_a_folder_that_is_not_there_has_nothing_to_repair(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "gone")
    assert rig.start().join(WAIT_S)
    assert rig.said == []
