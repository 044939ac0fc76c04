"""What is left of a killed recording is recovered, read back and compared with other people's reader."""

import struct
from pathlib import Path

import pytest

from humanoid_recorder.cli.drill_bag import recover_and_read
from humanoid_recorder.cli.drill_judge import Found
from humanoid_recorder.core.labels import Labels
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord

START_NS = 1_795_160_424_000_000_000
TOPIC, TYPE = "/hand", "geometry_msgs/msg/PoseStamped"
DEFINITION = "std_msgs/Header header\n"


def message(number: int) -> bytes:
    frame = f"hand#{number}".encode() + b"\0"
    return b"\0\1\0\0" + bytes(8) + struct.pack("<I", len(frame)) + frame


def unfinished_episode(folder: Path, *, has_record: bool = True) -> Path:
    """Numbers 5 to 24, of which the last five are in the open chunk and never reach the file."""
    writer = BagWriter(folder / "episode", ros_distro="kilted")
    writer.add_topic(BagTopic(1, TOPIC, TYPE, DEFINITION, "", (QosOffer(),)))
    samples = [Sample(1, message(at), START_NS + at * 1000, START_NS + at * 1000 - 9, None, at) for at in range(5, 25)]
    writer.write(samples[:15])
    writer.flush()
    writer.write(samples[15:])
    writer.abandon()
    if has_record:
        provenance = ProvenanceRecord(
            robot="synthetic", robot_serial="", profile_path="", profile_sha256="", profile_text="", urdf_sha256="",
            host="", software={}, clock_synchronised=None,
        )  # fmt: skip
        start = StartRecord(time_ns=START_NS, labels=Labels(), streams=(), provenance=provenance)
        EpisodeFile(id="episode", session="session", start=start, labels=Labels()).write(writer.unfinished_directory)
    return writer.unfinished_directory


@pytest.mark.parametrize("has_record", [True, False])
def test_what_reached_the_file_is_found_by_number_and_two_readers_agree(tmp_path: Path, has_record: bool) -> None:
    recovered = recover_and_read(
        unfinished_episode(tmp_path, has_record=has_record), numbered={TOPIC}, keep_original=False
    )
    assert recovered.problems == ()
    assert recovered.bag == tmp_path / "episode"
    assert recovered.start_ns == (START_NS if has_record else None)
    assert recovered.found == {TOPIC: Found(frozenset(range(5, 20)), START_NS + 19 * 1000 - 9)}
    assert (recovered.messages, recovered.readers) == (15, ("humanoid_recorder", "rosbags"))


def test_a_file_of_zeros_is_a_problem_in_words(tmp_path: Path) -> None:
    unfinished = unfinished_episode(tmp_path)
    (file,) = unfinished.glob("*.mcap")
    file.write_bytes(bytes(file.stat().st_size))
    recovered = recover_and_read(unfinished, numbered={TOPIC}, keep_original=False)
    assert recovered.bag is None
    assert recovered.messages == 0
    assert "it cannot be recovered" in recovered.problems[0]
    assert unfinished.exists()


def test_a_message_without_a_number_cannot_be_judged(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "episode", ros_distro="kilted")
    writer.add_topic(BagTopic(1, TOPIC, TYPE, DEFINITION, "", (QosOffer(),)))
    writer.write([Sample(1, b"\0\1\0\0" + bytes(8) + b"\1\0\0\0\0", START_NS, START_NS, None, 1)])
    writer.flush()
    writer.abandon()
    recovered = recover_and_read(writer.unfinished_directory, numbered={TOPIC}, keep_original=False)
    assert "carries no number" in recovered.problems[0]
