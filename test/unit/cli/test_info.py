"""What ``info`` says of whole, partial and foreign bags, and that its JSON keys stay."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from humanoid_recorder.cli.info_models import InfoReport, TopicReport
from humanoid_recorder.cli.info_report import report_on
from humanoid_recorder.cli.info_view import show
from humanoid_recorder.cli.main import run
from humanoid_recorder.core.findings import Finding
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.ledger import StreamAccount, Tail
from humanoid_recorder.core.qos import Durability, QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord, StopRecord, StreamRecord

START_NS = 1_795_160_424_000_000_000
TOPIC = "/hand/pose"
TYPE = "geometry_msgs/msg/PoseStamped"


def stream_record() -> StreamRecord:
    return StreamRecord(
        name="hand", topic=TOPIC, type=TYPE, kind="operator", expected_hz=100.0, required=True, serial="", unit="",
        type_hash="", reliability="reliable", durability="volatile", publishers=("/driver",),
    )  # fmt: skip


def ledger(*, written: int, lost: int | None = 0, reason: str = "") -> StreamAccount:
    return StreamAccount(
        received=written, latched=0, written=written, dropped=0, lost=lost, lost_reason=reason, unstamped=0, bytes=1,
        publishers=1, first_ns=START_NS, last_ns=START_NS, longest_gap_ns=0, longest_gap_at_ns=None,
    )  # fmt: skip


def episode(account: StreamAccount, *, sealed: bool = True) -> EpisodeFile:
    labels = Labels(task="wipe the table", operator="mia")
    provenance = ProvenanceRecord(
        robot="g1", robot_serial="", profile_path="", profile_sha256="", profile_text="", urdf_sha256="", host="",
        software={}, clock_synchronised=False,
    )  # fmt: skip
    stop = StopRecord(
        time_ns=START_NS + 10**9, end=End.STOPPED, detail="", duration_s=1.0, messages=account.written, bytes=1,
        lost=account.lost, dropped=0, longest_sync_ms=1.0, queue_high_water_bytes=0,
    )  # fmt: skip
    return EpisodeFile(
        id="id",
        session="session",
        start=StartRecord(time_ns=START_NS, labels=labels, streams=(stream_record(),), provenance=provenance),
        stop=stop if sealed else None,
        labels=labels,
        outcome=Outcome.SUCCESS,
        ledger={"hand": account},
        findings=(Finding(at_ns=START_NS, check="clock", message="the clock was set by 3 s"),),
    )


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A sealed bag of 50 messages at 100 Hz with a silence of 200 ms."""
    writer = BagWriter(tmp_path / "bag", ros_distro="kilted")
    latched = QosOffer(durability=Durability.TRANSIENT_LOCAL)
    writer.add_topic(BagTopic(1, TOPIC, TYPE, "std_msgs/Header header\n", "", (QosOffer(), latched)))
    times = [START_NS + 10_000_000 * at + (200_000_000 if at >= 25 else 0) for at in range(50)]
    writer.write([Sample(1, b"\x00\x01\x00\x00" + bytes(60), at, at, at, 1 + n) for n, at in enumerate(times)])
    return writer.seal(custom_data={}).directory


def shown(report: InfoReport, *, width: int = 140, definitions: bool = False) -> str:
    text = io.StringIO()
    show(report, Console(width=width, file=text, highlight=False), definitions=definitions)
    return text.getvalue()


def test_a_whole_bag_of_ours_is_whole_and_all_accounts_agree(bag: Path) -> None:
    episode(ledger(written=50)).write(bag)
    report = report_on(bag, verify=True)
    assert (report.whole, report.readable, report.verified, report.problems) == (True, True, True, ())
    assert report.counts is not None
    assert report.counts.model_dump() == {
        "index": 50, "statistics": 50, "metadata": 50, "ledger": 50, "agree": True,
    }  # fmt: skip
    (topic,) = report.topics
    assert (topic.stream, topic.messages, topic.lost, topic.dropped) == ("hand", 50, 0, 0)
    assert topic.longest_gap_ms == pytest.approx(210)
    assert topic.rate_hz == pytest.approx(49 / 0.69)
    assert topic.qos == ("reliable", "reliable, latched")
    assert report.duration_s == pytest.approx(0.69)


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_shows_topics_labels_findings_and_the_verdict(bag: Path, width: int) -> None:
    episode(ledger(written=50)).write(bag)
    text = shown(report_on(bag, verify=False), width=width)
    for part in (TOPIC, "PoseStamped", "210.0", "wipe the table", "mia", "success", "set by 3 s", "✓ whole"):
        assert part in text
    assert max(len(line.rstrip()) for line in text.splitlines()[1:]) <= width


def test_unknown_loss_is_shown_as_unknown_with_its_reason_and_never_as_a_count(bag: Path) -> None:
    episode(ledger(written=50, lost=None, reason="no sequence numbers here")).write(bag)
    report = report_on(bag, verify=False)
    assert report.topics[0].lost is None
    assert report.whole
    text = shown(report)
    assert "loss is unknown: no sequence numbers here" in text
    assert "?" in next(line for line in text.splitlines() if line.startswith(TOPIC))


@pytest.mark.parametrize(("tail", "is_marked"), [(Tail.UNKNOWN, True), (Tail.CLOSED, False)])
def test_a_tail_that_is_unknown_is_marked_at_the_count_and_explained(bag: Path, tail: Tail, is_marked: bool) -> None:
    episode(replace(ledger(written=50), tail=tail)).write(bag)
    text = shown(report_on(bag, verify=False))
    assert ("0+?" in text, "not heard again right after the stop" in text) == (is_marked, is_marked)


def test_a_ledger_that_counts_differently_makes_the_bag_not_whole(bag: Path) -> None:
    episode(ledger(written=51)).write(bag)
    report = report_on(bag, verify=False)
    assert not report.whole
    assert report.counts is not None
    assert not report.counts.agree
    assert report.problems == (f"{TOPIC}: 50 messages are there, the ledger says 51.",)


def test_metadata_that_counts_differently_makes_the_bag_not_whole(bag: Path) -> None:
    metadata = bag / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("message_count: 50", "message_count: 49"))
    report = report_on(bag, verify=False)
    assert not report.whole
    assert "metadata.yaml says 49" in report.problems[0]


def test_an_episode_without_a_stop_is_not_whole(bag: Path) -> None:
    episode(ledger(written=50), sealed=False).write(bag)
    report = report_on(bag, verify=False)
    assert not report.whole
    assert "not sealed" in report.problems[0]


def test_a_directory_without_metadata_is_not_whole_but_a_bare_file_is(bag: Path) -> None:
    (bag / "metadata.yaml").unlink()
    assert "ros2 bag reindex" in report_on(bag, verify=False).problems[0]
    assert report_on(bag / "bag_0.mcap", verify=False).whole


def test_damage_inside_a_chunk_is_found_only_by_reading_everything(bag: Path) -> None:
    file = bag / "bag_0.mcap"
    content = bytearray(file.read_bytes())
    at = content.index(b"\x00\x01\x00\x00" + bytes(60))
    content[at + 30] ^= 0xFF
    file.write_bytes(content)
    assert report_on(bag, verify=False).whole
    report = report_on(bag, verify=True)
    assert not report.readable
    assert "checksum" in report.problems[0]


def test_an_unfinished_bag_says_so_and_still_tells_what_it_was(bag: Path) -> None:
    unfinished = bag.rename(bag.with_name("bag.unfinished"))
    (unfinished / "metadata.yaml").unlink()
    episode(ledger(written=0), sealed=False).write(unfinished)
    report = report_on(unfinished, verify=False)
    assert (report.readable, report.whole) == (False, False)
    assert "is not sealed" in report.problems[0]
    assert report.episode is not None
    assert report.episode.end is None
    assert report.episode.labels.task == "wipe the table"
    assert "not sealed" in shown(report)


def test_a_bag_of_another_writer_is_described_and_its_loss_is_unknown(tmp_path: Path) -> None:
    types = get_typestore(Stores.ROS2_KILTED)
    text = types.types["std_msgs/msg/String"]
    with Writer(tmp_path / "theirs", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/words", "std_msgs/msg/String", typestore=types)
        for at in range(5):
            data = types.serialize_cdr(text(data=f"word {at}"), "std_msgs/msg/String")
            writer.write(connection, START_NS + at * 10**9, data)
    report = report_on(tmp_path / "theirs", verify=True)
    assert report.whole, report.problems
    assert report.episode is None
    (topic,) = report.topics
    assert (topic.messages, topic.lost, topic.dropped, topic.rate_hz) == (5, None, None, 1.0)
    assert "has no ledger" in shown(report)


def test_the_keys_of_the_json_stay(bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    episode(ledger(written=50)).write(bag)
    assert run(["info", str(bag), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == [
        "schema_version", "path", "readable", "whole", "verified", "problems", "remedy", "files", "size_bytes",
        "start_ns", "duration_s", "messages", "compression", "ros_distro", "counts", "episode", "topics",
        "definitions",
    ]  # fmt: skip
    assert list(report["episode"]) == [
        "id", "session", "robot", "end", "detail", "outcome", "labels", "lost", "dropped", "findings",
        "clock_synchronised", "record",
    ]  # fmt: skip
    assert list(report["topics"][0]) == list(TopicReport.model_fields)
    assert list(report["counts"]) == ["index", "statistics", "metadata", "ledger", "agree"]


def test_an_unreadable_bag_has_the_same_json_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.mcap").write_bytes(b"nothing of the kind")
    assert run(["info", str(tmp_path / "x.mcap"), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report.keys() == InfoReport.model_fields.keys()
    assert (report["readable"], report["messages"]) == (False, None)


def test_a_path_that_does_not_exist_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(tmp_path / "nowhere")]) == 2
    assert "There is no" in capsys.readouterr().err


def test_many_problems_are_cut_short_in_the_terminal() -> None:
    report = InfoReport(
        path="bag",
        readable=True,
        whole=False,
        verified=False,
        messages=0,
        problems=tuple(f"problem {at}" for at in range(20)),
    )
    text = shown(report)
    assert "problem 7" in text
    assert "problem 8" not in text
    assert "and 12 more" in text


def test_the_timeline_shows_a_silence_and_the_definitions_are_printed_on_request(bag: Path) -> None:
    report = report_on(bag, verify=False)
    (topic,) = report.topics
    assert sum(topic.timeline) == topic.messages == 50
    assert shown(report).count("·") == list(topic.timeline).count(0) > 10
    assert "std_msgs/Header header" not in shown(report)
    assert "std_msgs/Header header" in shown(report, definitions=True)


def test_a_rate_that_is_not_the_one_of_the_profile_stands_out(bag: Path) -> None:
    episode(ledger(written=50)).write(bag)
    assert "of 100" in shown(report_on(bag, verify=False)), "the silence brings 100 Hz down to 71"


def test_a_folder_of_bags_is_a_table_with_totals_and_names_what_is_not_whole(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    episode(ledger(written=50, lost=3)).write(bag)
    (tmp_path / "session" / ".discarded").mkdir(parents=True)
    bag.rename(tmp_path / "session" / ".discarded" / "thrown_away")
    for name in ("one", "two"):
        shutil.copytree(tmp_path / "session" / ".discarded" / "thrown_away", tmp_path / "session" / name)
    (tmp_path / "session" / "three.unfinished").mkdir()
    (tmp_path / "session" / "three.unfinished" / "three_0.mcap").write_bytes(b"")
    assert run(["info", str(tmp_path)]) == 1
    text = capsys.readouterr().out
    assert "3 bags, 2 whole" in text
    assert "100 messages" in text
    assert "6 lost" in text
    assert "three.unfinished: " in text
    assert "thrown_away" not in text
    assert run(["info", str(tmp_path / "session"), "--discarded", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["totals"]["bags"] == len(report["bags"]) == 4
    assert report["totals"]["outcomes"] == {"success": 3}
    assert report["totals"]["tasks"] == {"wipe the table": 3}


def test_a_folder_without_a_bag_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(tmp_path)]) == 1
    assert "There is no bag in it." in capsys.readouterr().out
