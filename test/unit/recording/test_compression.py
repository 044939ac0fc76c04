"""A recorder that is told to compress does, and its episodes read back the same."""

from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.storage.mcap_source import McapSource

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel, MakeRig

JOINTS = 3


@pytest.mark.parametrize("compression", Compression)
def test_the_bags_of_a_recorder_are_compressed_as_it_was_told(
    make_rig: "MakeRig", make_channel: "MakeChannel", compression: Compression
) -> None:
    rig = make_rig(compression=compression)
    rig.subscribe(make_channel(JOINTS, "joints"))
    episode = rig.recorder.start()
    sent = [bytes([at]) * 10_000 for at in range(200)]
    for data in sent:
        rig.deliver(JOINTS, data)
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert rig.data(episode.id, "/joints") == sent
    (path,) = rig.directory(episode.id).glob("*.mcap")
    used = {chunk.compression for chunk in McapSource(path).chunk_indexes}
    assert used == {"" if compression is Compression.NONE else compression.value}
