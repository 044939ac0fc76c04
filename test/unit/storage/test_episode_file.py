import errno
import json
import os
from pathlib import Path

import pytest

from humanoid_recorder.core.errors import BagReadError, SessionError
from humanoid_recorder.core.findings import Finding, LatchedReplay
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.ledger import StreamAccount
from humanoid_recorder.storage.episode_file import (
    EPISODE_FILE,
    EpisodeFile,
    ProvenanceRecord,
    StartRecord,
    StopRecord,
    StreamRecord,
)


@pytest.fixture
def begun() -> EpisodeFile:
    stream = StreamRecord(
        name="joints",
        topic="/joint_states",
        type="sensor_msgs/msg/JointState",
        kind="joint",
        expected_hz=500.0,
        required=True,
        serial="",
        unit="",
        type_hash="RIHS01_0",
        reliability="reliable",
        durability="volatile",
        publishers=("/driver",),
    )
    provenance = ProvenanceRecord(
        robot="g1",
        robot_serial="0815",
        profile_path="/etc/g1.yaml",
        profile_sha256="00",
        profile_text="robot: {name: g1}\n",
        urdf_sha256="",
        host="here",
        software={"python": "3.11"},
        clock_synchronised=None,
    )
    labels = Labels(task="wipe", prompt='say "ä"\n')
    start = StartRecord(time_ns=2**62 + 1, labels=labels, streams=(stream,), provenance=provenance)
    return EpisodeFile(id="e", session="s", start=start, labels=labels)


@pytest.fixture
def complete(begun: EpisodeFile) -> EpisodeFile:
    ledger = StreamAccount(
        received=3,
        latched=1,
        written=2,
        dropped=2,
        lost=None,
        lost_reason="unknown",
        unstamped=0,
        bytes=9,
        publishers=1,
        first_ns=None,
        last_ns=2**62,
        longest_gap_ns=5,
        longest_gap_at_ns=7,
    )
    stop = StopRecord(
        time_ns=2**62 + 9,
        end=End.TIMED_OUT,
        detail="too long",
        duration_s=1.5,
        messages=2,
        bytes=1000,
        lost=None,
        dropped=2,
        longest_sync_ms=0.5,
        queue_high_water_bytes=12,
    )
    return begun.model_copy(
        update={
            "stop": stop,
            "outcome": Outcome.FAILURE,
            "ledger": {"joints": ledger},
            "latched": (LatchedReplay(topic="/d", first_received_ns=4),),
            "findings": (Finding(at_ns=5, check="clock_step", message="by 1 h"),),
            "sha256": {"e_0.mcap": None},
        }
    )


def test_what_is_written_is_read_back(tmp_path: Path, begun: EpisodeFile, complete: EpisodeFile) -> None:
    for file in (begun, complete):
        file.write(tmp_path)
        assert EpisodeFile.read(tmp_path) == file
    assert [path.name for path in tmp_path.iterdir()] == [EPISODE_FILE]


def test_the_file_says_what_it_is_and_leaves_open_what_is_not_known(tmp_path: Path, begun: EpisodeFile) -> None:
    begun.write(tmp_path)
    content = json.loads((tmp_path / EPISODE_FILE).read_text(encoding="utf-8"))
    assert (content["format"], content["version"]) == ("humanoid_recorder/episode", 1)
    assert (content["stop"], content["outcome"], content["start"]["time_ns"]) == (None, "unlabelled", 2**62 + 1)


def test_a_write_that_fails_leaves_the_old_file_whole(
    tmp_path: Path, begun: EpisodeFile, complete: EpisodeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun.write(tmp_path)

    def no_space(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(SessionError, match="No space left"):
            complete.write(tmp_path)
    assert EpisodeFile.read(tmp_path) == begun
    complete.write(tmp_path)
    assert EpisodeFile.read(tmp_path) == complete


def test_a_folder_without_the_file_was_not_recorded_by_us(tmp_path: Path) -> None:
    with pytest.raises(BagReadError, match=r"has no episode\.json"):
        EpisodeFile.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'{"format": "something else"}', b'{"format": "humanoid_recorder/episode", "version": 2}'],
)
def test_a_file_that_is_damaged_or_not_ours_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / EPISODE_FILE).write_bytes(content)
    with pytest.raises(BagReadError, match=str(tmp_path)):
        EpisodeFile.read(tmp_path)


def test_a_file_of_another_version_is_refused(tmp_path: Path, complete: EpisodeFile) -> None:
    text = complete.model_dump_json().replace('"version":1', '"version":2')
    (tmp_path / EPISODE_FILE).write_text(text)
    with pytest.raises(BagReadError, match="version"):
        EpisodeFile.read(tmp_path)


def test_fields_of_a_later_recorder_are_ignored(tmp_path: Path, complete: EpisodeFile) -> None:
    (tmp_path / EPISODE_FILE).write_text(complete.model_dump_json()[:-1] + ', "verdict": "good"}')
    assert EpisodeFile.read(tmp_path) == complete
