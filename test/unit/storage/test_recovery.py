"""A recovered bag is read by everybody, holds what was there, and says what was not."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys.store import Typestore

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagReadError, BagWriteError, HumanoidRecorderError, SessionError
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.ledger import StreamAccount
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_reader import BagMessage, BagReader
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter
from humanoid_recorder.storage.episode_file import (
    EpisodeFile,
    ProvenanceRecord,
    StartRecord,
    StopRecord,
    StreamRecord,
)
from humanoid_recorder.storage.layout import SessionFolder
from humanoid_recorder.storage.mcap_scan import scan_file
from humanoid_recorder.storage.recovery import examine_bag, recover_bag
from humanoid_recorder.storage.recovery_report import Verdict

CHECKOUT = Path(__file__).resolve().parents[3]
START_NS = 1_795_160_424_444_668_177
ID = "20261120T101403.387Z_g1_d8affe"
JOINTS, CAMERA = 1, 2
CHUNK_BYTES = 100_000

MakeEpisode = Callable[..., Path]


def stream(name: str, topic: str, type_name: str) -> StreamRecord:
    return StreamRecord(
        name=name, topic=topic, type=type_name, kind="other", expected_hz=None, required=True, serial="", unit="",
        type_hash="", reliability="reliable", durability="volatile", publishers=(),
    )  # fmt: skip


def begun(topics: tuple[BagTopic, ...]) -> EpisodeFile:
    provenance = ProvenanceRecord(
        robot="g1", robot_serial="", profile_path="", profile_sha256="", profile_text="", urdf_sha256="", host="",
        software={}, clock_synchronised=None,
    )  # fmt: skip
    names = ("joints", "head", "more")
    streams = tuple(stream(name, topic.name, topic.type) for name, topic in zip(names, topics, strict=True))
    labels = Labels(task="wipe")
    start = StartRecord(time_ns=START_NS, labels=labels, streams=streams, provenance=provenance)
    return EpisodeFile(id=ID, session="session", start=start, labels=labels)


@pytest.fixture
def make_episode(tmp_path: Path, topics: tuple[BagTopic, ...], samples: list[Sample]) -> MakeEpisode:
    """Record an episode and never seal it; its file ends behind the last chunk."""

    def make(
        *, compression: Compression = Compression.NONE, file: EpisodeFile | None = None, episode_id: str = ID
    ) -> Path:
        session = tmp_path / "out" / "session"
        session.mkdir(parents=True, exist_ok=True)
        (session / ".lock").touch()
        options = BagOptions(chunk_bytes=CHUNK_BYTES, compression=compression)
        bag = BagWriter(session / episode_id, options=options, ros_distro="kilted")
        for topic in topics:
            bag.add_topic(topic)
        file = file or begun(topics)
        bag.add_metadata("humanoid_recorder", {"episode": file.model_dump_json()})
        file.write(bag.unfinished_directory)
        bag.write(samples)
        bag.flush()
        bag.abandon()
        return bag.unfinished_directory

    return make


def mcap_in(directory: Path) -> Path:
    (file,) = directory.glob("*.mcap")
    return file


def cut(directory: Path, size_bytes: int) -> None:
    os.truncate(mcap_in(directory), mcap_in(directory).stat().st_size - size_bytes)


def flip(directory: Path, share: float) -> None:
    raw = bytearray(mcap_in(directory).read_bytes())
    raw[int(len(raw) * share)] ^= 8
    mcap_in(directory).write_bytes(raw)


def as_read(samples: list[Sample], topics: tuple[BagTopic, ...]) -> list[BagMessage]:
    by_id = {topic.channel_id: topic for topic in topics}
    return [
        BagMessage(
            by_id[s.channel_id].name, by_id[s.channel_id].type, s.data, s.log_ns, s.publish_ns, s.sequence & 0xFFFFFFFF
        )
        for s in samples
    ]


def rosbags_counts(directory: Path, typestore: Typestore) -> dict[str, int]:
    """Read all of it with another reader, which deserialises every message."""
    counts: Counter[str] = Counter()
    with AnyReader([directory]) as reader:
        for connection, _, data in reader.messages():
            typestore.deserialize_cdr(data, connection.msgtype)
            counts[connection.topic] += 1
    with Reader(directory) as strict:
        assert strict.message_count == counts.total()
        assert {each.topic: each.msgcount for each in strict.connections if each.msgcount} == dict(counts)
    return dict(counts)


@pytest.mark.parametrize("compression", Compression)
def test_an_episode_that_was_never_sealed_loses_nothing_that_was_on_the_disk(
    make_episode: MakeEpisode,
    samples: list[Sample],
    topics: tuple[BagTopic, ...],
    typestore: Typestore,
    compression: Compression,
) -> None:
    unfinished = make_episode(compression=compression)
    report = recover_bag(unfinished)
    assert (report.verdict, report.directory) == (Verdict.RECOVERED, unfinished.with_name(ID))
    assert (report.messages, report.lost_bytes, report.torn_tail_messages) == (630, 0, 0)
    assert sorted(BagReader(report.directory).messages()) == sorted(as_read(samples, topics))
    assert rosbags_counts(report.directory, typestore) == {"/joint_states": 600, "/head": 30}
    info = BagReader(report.directory).summary()
    assert info.counts_in_statistics == info.counts_in_metadata == report.by_topic
    assert info.custom_data == {"episode": ID, "session": "session", "task": "wipe"}
    assert info.compression == (() if compression is Compression.NONE else (compression.value,))
    assert [topic.offered_qos for topic in info.topics] == [
        topic.offered_qos for topic in sorted(topics, key=lambda topic: topic.name)
    ]
    assert not unfinished.exists()


def test_order_times_and_sequence_numbers_are_what_they_were(
    make_episode: MakeEpisode, samples: list[Sample], topics: tuple[BagTopic, ...]
) -> None:
    unfinished = make_episode()
    cut(unfinished, 30_000)
    report = recover_bag(unfinished)
    messages = list(BagReader(report.directory).messages())
    assert messages == as_read(samples, topics)[: len(messages)]
    assert 0 < report.torn_tail_messages < len(messages) < 630
    assert report.last_log_ns == max(message.log_ns for message in messages)


@pytest.mark.parametrize("compression", Compression)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 2**20), kind=st.sampled_from(["cut", "zero tail", "flip", "zeros", "garbage tail"]))
def test_whatever_happens_the_result_is_read_by_others_and_counts(
    make_episode: MakeEpisode,
    samples: list[Sample],
    topics: tuple[BagTopic, ...],
    typestore: Typestore,
    compression: Compression,
    place: int,
    kind: str,
) -> None:
    shutil.rmtree(make_episode(compression=compression, episode_id="gone").parent)
    unfinished = make_episode(compression=compression)
    file = mcap_in(unfinished)
    raw = bytearray(file.read_bytes())
    at = raw.index(b"/more_joints") + 200 + place % (len(raw) - raw.index(b"/more_joints") - 200)
    match kind:
        case "cut":
            del raw[at:]
        case "zero tail":
            raw[at:] = bytes(len(raw) - at)
        case "garbage tail":
            raw[at:] = zlib.compress(bytes(raw[:200_000]))[:60_000].ljust(60_000, b"\x55")
        case "flip":
            raw[at] ^= 1 << place % 8
        case "zeros":
            raw[at : at + 5000] = bytes(min(5000, len(raw) - at))
    file.write_bytes(raw)
    report = recover_bag(unfinished)
    written = set(as_read(samples, topics))
    messages = list(BagReader(report.directory).messages())
    assert written.issuperset(messages)
    assert len(set(messages)) == len(messages) == report.messages
    if messages:
        counts = {topic: count for topic, count in report.by_topic.items() if count}
        assert rosbags_counts(report.directory, typestore) == counts
    assert EpisodeFile.read(report.directory).stop is not None


def test_the_episode_says_what_is_known_and_that_the_rest_is_not(
    make_episode: MakeEpisode, topics: tuple[BagTopic, ...]
) -> None:
    unfinished = make_episode()
    cut(unfinished, 30_000)
    report = recover_bag(unfinished)
    file = EpisodeFile.read(report.directory)
    assert file.stop is not None
    assert (file.stop.end, file.outcome, file.labels.task) == (End.FAULT, Outcome.UNLABELLED, "wipe")
    assert file.stop.detail.startswith("recovered: ")
    assert f"{report.torn_tail_messages} messages taken out of the torn last chunk" in file.stop.detail
    assert f"{report.lost_bytes} bytes lost" in file.stop.detail
    assert (file.stop.messages, file.stop.lost, file.stop.dropped) == (report.messages, None, 0)
    assert file.stop.time_ns == report.last_log_ns
    assert file.stop.unknown_tails == ("joints", "head")
    assert set(file.ledger) == {"joints", "head", "more"}
    assert file.ledger["joints"].written == report.by_topic["/joint_states"]
    assert (file.ledger["joints"].lost, file.ledger["more"].written) == (None, 0)
    assert "recovered" in file.ledger["joints"].lost_reason
    assert [finding.check for finding in file.findings] == ["recovered"]
    records = [r for r in BagReader(report.directory).summary().metadata_records if r.name == "humanoid_recorder"]
    assert [EpisodeFile.model_validate_json(record.entries["episode"]) for record in records] == [begun(topics), file]


def stopped(file: EpisodeFile, *, received: int) -> EpisodeFile:
    def account(count: int) -> StreamAccount:
        return StreamAccount(
            received=count, latched=0, written=count, dropped=0, lost=3, lost_reason="", unstamped=0, bytes=1,
            publishers=1, first_ns=START_NS, last_ns=START_NS, longest_gap_ns=0, longest_gap_at_ns=None,
        )  # fmt: skip

    stop = StopRecord(
        time_ns=START_NS + 10**9, end=End.STOPPED, detail="", duration_s=1.0, messages=received + 30, bytes=1,
        lost=9, dropped=0, longest_sync_ms=1.0, queue_high_water_bytes=0,
    )  # fmt: skip
    ledger = {"joints": account(received), "head": account(30), "more": account(0)}
    return file.model_copy(update={"stop": stop, "ledger": ledger, "outcome": Outcome.SUCCESS})


def test_an_episode_that_had_been_stopped_keeps_its_end_and_its_account(
    make_episode: MakeEpisode, topics: tuple[BagTopic, ...]
) -> None:
    left = stopped(begun(topics), received=600)
    report = recover_bag(make_episode(file=left))
    file = EpisodeFile.read(report.directory)
    assert (file.stop, file.ledger, file.outcome) == (left.stop, left.ledger, Outcome.SUCCESS)
    (finding,) = file.findings
    assert finding.message.startswith("recovered: ")


def test_what_has_gone_from_a_stopped_episode_counts_as_dropped(
    make_episode: MakeEpisode, topics: tuple[BagTopic, ...]
) -> None:
    report = recover_bag(make_episode(file=stopped(begun(topics), received=700)))
    file = EpisodeFile.read(report.directory)
    account = file.ledger["joints"]
    assert (account.received, account.written, account.dropped, account.lost) == (700, 600, 100, 3)
    assert file.stop is not None
    assert (file.stop.end, file.stop.dropped, file.stop.lost) == (End.STOPPED, 100, 9)
    assert file.stop.unknown_tails == ("joints", "head")


def test_a_destroyed_episode_file_is_taken_from_inside_the_bag(make_episode: MakeEpisode) -> None:
    unfinished = make_episode()
    (unfinished / "episode.json").write_bytes(bytes(500))
    report = recover_bag(unfinished)
    assert EpisodeFile.read(report.directory).labels.task == "wipe"


def test_an_unfinished_bag_without_a_record_is_recovered_without_one(make_episode: MakeEpisode) -> None:
    unfinished = make_episode()
    (unfinished / "episode.json").unlink()
    raw = mcap_in(unfinished).read_bytes()
    mcap_in(unfinished).write_bytes(raw.replace(b'"start"', b'"tsart"'))
    report = recover_bag(unfinished)
    assert report.messages == 630
    assert not (report.directory / "episode.json").exists()


def test_the_original_goes_when_only_the_end_is_missing_and_stays_when_asked(make_episode: MakeEpisode) -> None:
    unfinished = make_episode()
    cut(unfinished, 30_000)
    raw = mcap_in(unfinished).read_bytes()
    report = recover_bag(unfinished, keep_original=True)
    assert report.original == report.directory / "damaged"
    assert (report.original / f"{ID}_0.mcap.damaged").read_bytes() == raw
    shutil.rmtree(report.directory)
    unfinished = make_episode()
    cut(unfinished, 30_000)
    report = recover_bag(unfinished)
    assert report.original is None
    assert sorted(path.name for path in report.directory.iterdir()) == [f"{ID}_0.mcap", "episode.json", "metadata.yaml"]


def test_the_original_stays_when_a_part_in_the_middle_is_lost(make_episode: MakeEpisode) -> None:
    unfinished = make_episode()
    flip(unfinished, 0.5)
    report = recover_bag(unfinished)
    assert (report.damaged_chunks, report.lost_messages) == (1, None)
    assert report.original is not None
    assert report.lost_span_ns > 0
    assert "1 damaged chunk " in EpisodeFile.read(report.directory).findings[0].message


def test_looking_changes_nothing(make_episode: MakeEpisode) -> None:
    unfinished = make_episode()
    cut(unfinished, 30_000)
    before = {path: path.read_bytes() for path in unfinished.iterdir()}
    looked = examine_bag(unfinished)
    assert {path: path.read_bytes() for path in unfinished.iterdir()} == before
    assert looked.verdict is Verdict.RECOVERABLE
    report = recover_bag(unfinished)
    assert (looked.messages, looked.lost_bytes, looked.holes) == (report.messages, report.lost_bytes, report.holes)


def test_progress_goes_up_to_all_there_is(make_episode: MakeEpisode) -> None:
    seen: list[tuple[int, int]] = []
    recover_bag(make_episode(), on_progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len({total for _, total in seen}) == 1
    assert seen[-1][0] <= seen[-1][1]
    assert seen[-1][0] > 0.6 * seen[-1][1]


class GivenUpError(Exception):
    pass


def test_a_recovery_that_is_given_up_leaves_everything_as_it_was(make_episode: MakeEpisode) -> None:
    unfinished = make_episode()
    before = sorted(unfinished.rglob("*"))

    def give_up(done: int, total: int) -> None:
        if done > total / 2:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        recover_bag(unfinished, on_progress=give_up)
    assert sorted(unfinished.rglob("*")) == before
    assert recover_bag(unfinished).messages == 630


KILL = """
import os, signal, sys
from pathlib import Path
from humanoid_recorder.storage.mcap_scan import scan_file
from humanoid_recorder.storage.recovery import recover_bag
kind, number, bag = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
calls = 0
def count(*_):
    global calls
    calls += 1
    if calls == number:
        os.kill(os.getpid(), signal.SIGKILL)
real = Path.rename
def rename(self, target):
    count()
    return real(self, target)
if kind == "rename":
    Path.rename = rename
recover_bag(bag, on_progress=count if kind == "progress" else None)
"""


def killed(bag: Path, kind: str, number: int) -> bool:
    """Recover in another process that is killed at some point; whether it came to that."""
    command = [sys.executable, "-c", KILL, kind, str(number), str(bag)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=False, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


@pytest.mark.parametrize(("kind", "number"), [("progress", 3), ("progress", 25), ("rename", 1), ("rename", 2)])
def test_an_episode_whose_recovery_was_killed_is_recovered_again(
    make_episode: MakeEpisode, kind: str, number: int
) -> None:
    unfinished = make_episode()
    cut(unfinished, 30_000)
    expected = examine_bag(unfinished).by_topic
    assert killed(unfinished, kind, number)
    assert unfinished.exists()
    report = recover_bag(unfinished)
    assert report.by_topic == expected
    assert sorted(path.name for path in report.directory.iterdir()) == [f"{ID}_0.mcap", "episode.json", "metadata.yaml"]
    assert sorted(path.name for path in report.directory.parent.iterdir()) == [".lock", ID]


@pytest.mark.parametrize(("kind", "number"), [("progress", 3), ("progress", 25), ("rename", 1), ("rename", 2)])
def test_a_bag_whose_recovery_was_killed_is_recovered_again(
    make_bag: Callable[..., object], tmp_path: Path, kind: str, number: int
) -> None:
    make_bag()
    bag = tmp_path / "bag"
    flip(bag, 0.5)
    raw, expected = mcap_in(bag).read_bytes(), examine_bag(bag).by_topic
    assert killed(bag, kind, number)
    report = recover_bag(bag)
    assert report.by_topic == expected
    assert (bag / "damaged" / "bag_0.mcap.damaged").read_bytes() == raw
    assert sorted(path.name for path in bag.iterdir()) == ["bag_0.mcap", "damaged", "metadata.yaml"]


def test_two_different_bags_of_one_name_are_left_alone(make_episode: MakeEpisode, tmp_path: Path) -> None:
    unfinished = make_episode()
    aside = shutil.copytree(unfinished, tmp_path / "aside")
    cut(unfinished, 30_000)
    recover_bag(unfinished)
    shutil.copytree(aside, unfinished)
    with pytest.raises(BagReadError, match="is there already"):
        recover_bag(unfinished)
    assert mcap_in(unfinished).read_bytes() == mcap_in(aside).read_bytes()


def test_a_session_that_is_being_recorded_is_left_alone(make_episode: MakeEpisode) -> None:
    unfinished = make_episode()
    folder = SessionFolder(unfinished.parent)
    with pytest.raises(SessionError, match="being recorded"):
        recover_bag(unfinished)
    folder.release()
    assert recover_bag(unfinished).messages == 630


def test_without_room_for_the_copy_it_does_not_begin(
    make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = make_episode()
    usage = shutil.disk_usage(unfinished)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(BagWriteError, match="1 MB are free"):
        recover_bag(unfinished)
    assert sorted(path.name for path in unfinished.iterdir()) == [f"{ID}_0.mcap", "episode.json"]


def test_a_result_that_does_not_count_is_never_used(make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch) -> None:
    unfinished = make_episode()
    real = BagReader.messages
    monkeypatch.setattr(BagReader, "messages", lambda self: list(real(self))[1:])
    with pytest.raises(BagReadError, match="does not hold what was found"):
        recover_bag(unfinished)
    assert [path.name for path in unfinished.parent.iterdir() if path.name != ".lock"] == [unfinished.name]


@pytest.mark.parametrize("name", ["nothing", "empty.unfinished", "folder"])
def test_what_is_no_bag_is_refused(tmp_path: Path, name: str) -> None:
    if name != "nothing":
        (tmp_path / name).mkdir()
    with pytest.raises(HumanoidRecorderError):
        recover_bag(tmp_path / name)


def test_a_whole_bag_is_left_alone(make_bag: Callable[..., object], tmp_path: Path) -> None:
    make_bag()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "bag").iterdir()}
    assert recover_bag(tmp_path / "bag").verdict is Verdict.WHOLE
    assert recover_bag(tmp_path / "bag" / "metadata.yaml").verdict is Verdict.WHOLE
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "bag").iterdir()} == before


@pytest.mark.parametrize("kind", ["middle", "summary", "cut", "metadata"])
def test_a_damaged_bag_is_repaired_where_it_is(
    make_bag: Callable[..., object], tmp_path: Path, typestore: Typestore, kind: str
) -> None:
    make_bag()
    bag = tmp_path / "bag"
    match kind:
        case "middle":
            flip(bag, 0.5)
        case "summary":
            flip(bag, 0.9995)
        case "cut":
            cut(bag, 50_000)
        case "metadata":
            (bag / "metadata.yaml").write_bytes(b"\0" * 100)
    report = recover_bag(bag / "bag_0.mcap")
    assert (report.verdict, report.directory) == (Verdict.RECOVERED, bag)
    assert rosbags_counts(bag, typestore) == {topic: count for topic, count in report.by_topic.items() if count}
    assert BagReader(bag).summary().message_count == report.messages
    assert BagReader(bag).summary().custom_data["episode"] == "bag"
    assert (report.original is None) == (kind == "metadata")
    assert (report.lost_messages or 0) == (630 - report.messages if kind != "cut" else 0)
    assert recover_bag(bag).verdict is Verdict.WHOLE


def test_a_damaged_sealed_episode_keeps_its_end_and_says_what_went(
    make_episode: MakeEpisode, topics: tuple[BagTopic, ...]
) -> None:
    sealed = recover_bag(make_episode(file=stopped(begun(topics), received=600))).directory
    flip(sealed, 0.5)
    report = recover_bag(sealed)
    file = EpisodeFile.read(sealed)
    assert file.stop is not None
    assert (file.stop.end, file.outcome) == (End.STOPPED, Outcome.SUCCESS)
    assert report.lost_messages == 630 - report.messages
    assert file.stop.dropped == report.lost_messages
    assert file.stop.messages == report.messages


@pytest.fixture
def rosbag(tmp_path: Path, typestore: Typestore) -> Path:
    """A bag of another writer in one file of many chunks, with its definitions inside of them."""
    text = typestore.types["std_msgs/msg/String"]
    with Writer(tmp_path / "theirs", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = [writer.add_connection(f"/words{at}", text.__msgtype__, typestore=typestore) for at in range(2)]
        for at in range(3000):
            data = typestore.serialize_cdr(text(data=f"word {at} " * 200), text.__msgtype__)
            writer.write(connections[at % 2], START_NS + at * 10**6, data)
    return tmp_path / "theirs"


@pytest.mark.parametrize("has_metadata", [True, False])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_cut_bag_of_another_writer_is_recovered_in_place(
    rosbag: Path, typestore: Typestore, share: float, has_metadata: bool
) -> None:
    os.truncate(mcap_in(rosbag), int(mcap_in(rosbag).stat().st_size * share))
    if not has_metadata:
        (rosbag / "metadata.yaml").unlink()
    report = recover_bag(rosbag)
    assert report.messages > 3000 * share - 1200
    assert rosbags_counts(rosbag, typestore) == report.by_topic
    assert report.original == rosbag / "damaged"


def test_a_bare_file_is_recovered_beside_nothing_else(rosbag: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare" / "some.mcap"
    bare.parent.mkdir()
    shutil.copy(mcap_in(rosbag), bare)
    os.truncate(bare, bare.stat().st_size // 2)
    report = recover_bag(bare)
    assert report.directory == bare
    assert BagReader(bare).summary().message_count == report.messages > 1000
    assert sorted(path.name for path in bare.parent.rglob("*")) == ["damaged", "some.mcap", "some.mcap.damaged"]


def test_only_the_damaged_file_of_several_is_written_anew(rosbag: Path, typestore: Typestore) -> None:
    first = mcap_in(rosbag)
    second = first.with_name("theirs_1.mcap")
    shutil.copy(first, second)
    os.truncate(second, second.stat().st_size // 2)
    before = first.stat().st_mtime_ns, first.read_bytes()
    report = recover_bag(rosbag)
    assert (first.stat().st_mtime_ns, first.read_bytes()) == before
    assert rosbags_counts(rosbag, typestore) == report.by_topic
    assert report.messages > 4000
    assert [path.name for path in (rosbag / "damaged").iterdir()] == ["theirs_1.mcap.damaged"]


@pytest.mark.parametrize("compression", Compression)
def test_after_a_power_cut_all_chunks_that_were_synced_are_there(
    make_episode: MakeEpisode, compression: Compression
) -> None:
    unfinished = make_episode(compression=compression)
    file = mcap_in(unfinished)
    parts, raw = scan_file(file).parts, file.read_bytes()
    synced = parts[len(parts) // 2].end
    found = scan_file(file).messages()
    of_synced = [message.data for _, messages in itertools.islice(found, len(parts) // 2 + 1) for message in messages]
    file.write_bytes(raw[:synced] + bytes(len(raw) - synced))
    report = recover_bag(unfinished)
    assert sorted(message.data for message in BagReader(report.directory).messages()) == sorted(of_synced)
    assert 20 < report.messages < 630
    assert (report.torn_tail_messages, report.lost_bytes, report.is_torn) == (0, 0, True)
