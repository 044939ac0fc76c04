"""A recorder on a real disk that fills, breaks or goes away. Skipped where a test may not mount one."""

import errno
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from rosbags.rosbag2 import Reader

from humanoid_recorder.core.errors import CommandRefused
from humanoid_recorder.core.labels import End, Outcome
from humanoid_recorder.recording import disk_watch
from humanoid_recorder.recording.disk_watch import DiskWatch
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile, StopRecord
from humanoid_recorder.storage.layout import unfinished_path

if TYPE_CHECKING:
    from test.conftest import MountDisk, SmallDisk
    from test.unit.recording.conftest import MakeChannel, MakeRig, Rig

JOINTS, CAMERA = 3, 4
MB = 10**6
PICTURE_BYTES = MB
PICTURES_PER_S = 20


class Scene:
    """A recorder whose time passes with the pictures it gets."""

    def __init__(self, rig: "Rig", disk: "SmallDisk", monkeypatch: pytest.MonkeyPatch) -> None:
        self.rig = rig
        self.disk = disk
        self.recorder = rig.recorder
        self._now_ns = time.monotonic_ns()
        monkeypatch.setattr(disk_watch, "time", SimpleNamespace(monotonic_ns=lambda: self._now_ns))
        self.watch = DiskWatch(rig.recorder, reserve_bytes=0, pre_roll_bytes=0)

    def pass_time(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1e9)
        self.watch.look()

    def receive_pictures(self, seconds: float) -> None:
        """Receive pictures for so long, the disk looked at twice a second."""
        for _ in range(round(2 * seconds)):
            for _ in range(PICTURES_PER_S // 2):
                self.rig.deliver(CAMERA, os.urandom(PICTURE_BYTES))
            self.pass_time(0.5)

    def record(self, seconds: float) -> str:
        self.watch.check_start()
        episode = self.recorder.start()
        self.receive_pictures(seconds)
        if self.recorder.live() is episode:
            self.recorder.stop()
        self.rig.wait_until_sealed()
        return episode.id


@pytest.fixture
def scene(
    make_rig: "MakeRig", make_channel: "MakeChannel", mount_disk: "MountDisk", monkeypatch: pytest.MonkeyPatch
) -> Scene:
    disk = mount_disk(600)
    rig = make_rig(out=disk.path)
    rig.subscribe(make_channel(JOINTS, "joints"), make_channel(CAMERA, "head"))
    return Scene(rig, disk, monkeypatch)


def stop_of(directory: Path) -> StopRecord:
    stop = EpisodeFile.read(directory).stop
    assert stop is not None
    return stop


def test_a_start_is_refused_below_the_reserve_and_accepted_above_it(scene: Scene) -> None:
    scene.disk.leave(40 * MB)
    scene.pass_time(10.0)
    scene.pass_time(3.0)
    with pytest.raises(CommandRefused, match="The disk is low: 40 MB free, and 63 MB are kept"):
        scene.watch.check_start()
    scene.disk.leave(400 * MB)
    scene.pass_time(10.0)
    scene.pass_time(3.0)
    scene.watch.check_start()


def test_an_episode_that_fills_the_disk_stops_by_itself_and_is_whole(scene: Scene) -> None:
    episode_id = scene.record(seconds=40.0)  # of 800 MB
    directory = scene.rig.directory(episode_id)
    stop = stop_of(directory)
    assert stop.end is End.FAULT
    assert stop.detail.startswith("the disk is nearly full: ")
    assert stop.dropped == 0
    assert 400 * MB < stop.bytes < 600 * MB
    assert scene.disk.free_bytes() > 0
    reader = BagReader(directory)
    assert reader.summary().message_count == stop.messages
    with Reader(directory) as theirs:
        pictures = sum(len(data) == PICTURE_BYTES for _connection, _time, data in theirs.messages())
    assert pictures == EpisodeFile.read(directory).ledger["head"].written > 400


def test_once_discarded_episodes_are_purged_the_next_start_works(scene: Scene) -> None:
    discarded = []
    for _ in range(2):
        discarded.append(scene.record(seconds=6.0))
        scene.recorder.discard()
    scene.rig.wait_for(lambda: scene.watch.state().discarded_episodes == 2)
    assert 240 * MB < scene.watch.state().discarded_bytes < 260 * MB
    episode_id = scene.record(seconds=12.0)
    scene.rig.wait_for(lambda: scene.watch.state().purged_episodes > 0)
    assert scene.watch.state().last_purged[0] == discarded[0]
    scene.rig.wait_for(lambda: not scene.recorder.sealed.purge.is_making_room)
    assert stop_of(scene.rig.directory(episode_id)).end is End.STOPPED
    scene.pass_time(10.0)
    scene.pass_time(3.0)
    scene.watch.check_start()


def test_a_disk_that_others_fill_to_the_last_byte_keeps_what_was_written(scene: Scene) -> None:
    episode = scene.recorder.start()
    scene.rig.deliver(CAMERA, bytes(10 * MB))
    scene.rig.wait_for(lambda: episode.bag.message_counts.get(CAMERA))
    scene.disk.leave(0)
    scene.rig.deliver(CAMERA, bytes(10 * MB))
    scene.rig.wait_for(lambda: scene.recorder.live() is None and not scene.recorder.is_sealing())
    assert "No space left" in scene.recorder.fault
    directory = unfinished_path(scene.rig.directory(episode.id))
    assert [path.name for path in directory.glob("*.mcap")] == [f"{episode.id}_0.mcap"]
    assert (directory / f"{episode.id}_0.mcap").stat().st_size > 10 * MB
    scene.disk.leave(400 * MB)
    scene.pass_time(1.0)
    following = scene.record(seconds=0.5)
    assert stop_of(scene.rig.directory(following)).end is End.STOPPED


def test_a_label_given_on_a_full_disk_is_written_when_there_is_room(scene: Scene) -> None:
    episode_id = scene.record(seconds=0.5)
    scene.rig.wait_for(lambda: None not in scene.rig.file(episode_id).sha256.values())
    scene.disk.leave(0)
    scene.recorder.judge(Outcome.SUCCESS)
    scene.rig.wait_for(lambda: scene.recorder.sealed.trouble)
    assert f"The label of {episode_id} is not on the disk yet" in scene.recorder.sealed.trouble
    assert scene.recorder.sealed.recent(1)[0].file.outcome is Outcome.SUCCESS
    assert scene.rig.file(episode_id).outcome is Outcome.UNLABELLED
    scene.disk.leave(400 * MB)
    scene.pass_time(6.0)
    scene.rig.wait_for(lambda: not scene.recorder.sealed.trouble)
    assert scene.rig.file(episode_id).outcome is Outcome.SUCCESS


def test_a_disk_that_is_unmounted_and_comes_back(scene: Scene, tmp_path: Path) -> None:
    kept = scene.record(seconds=0.5)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["mount", "--bind", str(scene.disk.path), str(elsewhere)], check=True)
    try:
        subprocess.run(["umount", "-l", str(scene.disk.path)], check=True)
        scene.pass_time(1.0)
        with pytest.raises(CommandRefused, match=f"{scene.rig.folder.path} has gone"):
            scene.watch.check_start()
        assert list(scene.disk.path.iterdir()) == []
    finally:
        subprocess.run(["mount", "--bind", str(elsewhere), str(scene.disk.path)], check=True)
        subprocess.run(["umount", "-l", str(elsewhere)], check=True)
    scene.pass_time(1.0)
    for episode_id in (kept, scene.record(seconds=0.5)):
        assert stop_of(scene.rig.directory(episode_id)).end is End.STOPPED


def test_a_file_system_that_turns_read_only_in_the_middle_is_a_fault_with_words(
    make_rig: "MakeRig", make_channel: "MakeChannel", mount_disk: "MountDisk", monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = mount_disk(200, is_ext4=True)
    rig = make_rig(out=disk.path)
    rig.subscribe(make_channel(JOINTS, "joints"), make_channel(CAMERA, "head"))
    scene = Scene(rig, disk, monkeypatch)
    episode = scene.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.wait_for(lambda: episode.bag.message_counts.get(JOINTS))
    break_ext4(disk.path)
    rig.deliver(JOINTS, b"2")
    rig.wait_for(lambda: scene.recorder.live() is None and not scene.recorder.is_sealing())
    assert os.strerror(errno.EROFS) in scene.recorder.fault
    scene.pass_time(1.0)
    state = scene.watch.state()
    assert os.strerror(errno.EROFS) in state.problem
    assert "mounted read-only" in state.remedy
    with pytest.raises(CommandRefused, match=os.strerror(errno.EROFS)):
        scene.watch.check_start()
    (sealed,) = scene.recorder.sealed.recent(8)
    assert (sealed.is_whole, sealed.directory) == (False, unfinished_path(rig.directory(episode.id)))
    assert (sealed.directory / f"{episode.id}_0.mcap").stat().st_size > 0


def break_ext4(path: Path) -> None:
    """Have the kernel find an error on the disk, after which it writes to it no more."""
    device = path.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    trigger = Path(f"/sys/fs/ext4/{name}/trigger_fs_error")
    if not os.access(trigger, os.W_OK):
        pytest.skip("the kernel does not let an ext4 error be simulated here")
    trigger.write_text("test")
