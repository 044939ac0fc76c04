"""What the account of an episode says of a disk that filled up is what can be read from it, to the message."""

import errno
import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from mcap.exceptions import EndOfFile
from mcap.records import McapRecord, Message
from mcap.stream_reader import StreamReader

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.labels import End
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.storage.episode_file import EpisodeFile
from humanoid_recorder.storage.layout import unfinished_path

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel, MakeRig

JOINTS, CAMERA = 3, 4


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("room_bytes", [9_000_000, 9_200_000, 10_000_001])
def test_the_account_of_a_disk_that_filled_up_is_what_is_in_the_file(
    make_rig: "MakeRig",
    make_channel: "MakeChannel",
    monkeypatch: pytest.MonkeyPatch,
    compression: Compression,
    room_bytes: int,
) -> None:
    room = {"bytes": room_bytes}

    def write_while_there_is_room(fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        if room["bytes"] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = os.write(fd, b"".join(buffers)[: room["bytes"]])
        room["bytes"] -= taken
        return taken

    monkeypatch.setattr(os, "writev", write_while_there_is_room)
    rig = make_rig(compression=compression)
    rig.subscribe(make_channel(JOINTS, "joints"), make_channel(CAMERA, "head", kind=StreamKind.CAMERA))
    episode = rig.recorder.start()
    for _ in range(300):
        rig.deliver(JOINTS, bytes(1_000))
        rig.deliver(CAMERA, os.urandom(100_000))
    rig.wait_for(lambda: rig.recorder.live() is None and not rig.recorder.is_sealing())

    directory = unfinished_path(rig.directory(episode.id))
    (path,) = directory.glob("*.mcap")
    records: list[McapRecord] = []
    with path.open("rb") as file, pytest.raises(EndOfFile):
        records.extend(StreamReader(file, validate_crcs=True).records)
    readable = Counter(record.channel_id for record in records if isinstance(record, Message))
    episode_file = EpisodeFile.read(directory)
    assert episode_file.stop is not None
    assert episode_file.stop.end is End.FAULT
    for name, channel_id in (("joints", JOINTS), ("head", CAMERA)):
        account = episode_file.ledger[name]
        assert account.written == readable[channel_id]
        assert account.received == account.written + account.dropped
        assert account.dropped > 0
    assert readable[CAMERA] > 60
