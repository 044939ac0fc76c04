"""The demo's proof: holes, repetitions, late beginnings and early ends show, whatever the ledger says."""

import os
import struct
import sys
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from humanoid_recorder.cli.demo_check import EpisodeCheck, SentRecord, check_episode, due_numbers, read_robot_report
from humanoid_recorder.cli.demo_children import busy_domains, private_environment, with_profile
from humanoid_recorder.cli.demo_view import near, own_command, show_next, show_result
from humanoid_recorder.cli.main import run
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.labels import End, Labels
from humanoid_recorder.core.ledger import StreamAccount
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord, StopRecord, StreamRecord

START_NS = 1_795_160_424_000_000_000
S = 1_000_000_000
TOPIC, TYPE = "/head/compressed", "sensor_msgs/msg/CompressedImage"
JPEG = b"\xff\xd8 a picture \xff\xd9"
SENT = SentRecord(sent=1000, first_ns=START_NS - 2 * S, last_ns=START_NS - 2 * S + 999 * S // 100)
"""100 Hz from 2 s before the episode, which lasts 4 s: the numbers 200 to 600 fall into it."""


def message(number: int) -> bytes:
    """A CompressedImage: header, format, picture."""

    def string(text: bytes) -> bytes:
        raw = struct.pack("<I", len(text) + 1) + text + b"\0"
        return raw + bytes(-len(raw) % 4)

    frame = string(f"head_link#{number}".encode())
    return b"\0\1\0\0" + bytes(8) + frame + string(b"jpeg") + struct.pack("<I", len(JPEG)) + JPEG


def make_bag(folder: Path, numbers: Iterable[int], *, lost: int = 0, end: End = End.STOPPED) -> Path:
    writer = BagWriter(folder / "episode", ros_distro="kilted")
    definition = "# a comment\n\nstd_msgs/Header header  # stamp\nstring format\nuint8[] data\n"
    writer.add_topic(BagTopic(1, TOPIC, TYPE, definition, "", (QosOffer(),)))
    samples = []
    for number in numbers:
        log_ns = START_NS - 2 * S + number * S // 100
        samples.append(Sample(1, message(number), log_ns, log_ns, log_ns, number + 1))
    writer.write(samples)
    bag = writer.seal(custom_data={}).directory
    stream = StreamRecord(
        name="head", topic=TOPIC, type=TYPE, kind="camera", expected_hz=100.0, required=True, serial="", unit="",
        type_hash="", reliability="reliable", durability="volatile", publishers=("/robot",),
    )  # fmt: skip
    account = StreamAccount(
        received=len(samples), latched=0, written=len(samples), dropped=0, lost=lost, lost_reason="", unstamped=0,
        bytes=0, publishers=1, first_ns=None, last_ns=None, longest_gap_ns=0, longest_gap_at_ns=None,
    )  # fmt: skip
    provenance = ProvenanceRecord(
        robot="synthetic", robot_serial="", profile_path="", profile_sha256="", profile_text="", urdf_sha256="",
        host="", software={}, clock_synchronised=None,
    )  # fmt: skip
    EpisodeFile(
        id="episode",
        session="session",
        start=StartRecord(time_ns=START_NS, labels=Labels(), streams=(stream,), provenance=provenance),
        stop=StopRecord(
            time_ns=START_NS + 4 * S, end=end, detail="", duration_s=4.0, messages=len(samples), bytes=0, lost=lost,
            dropped=0, longest_sync_ms=0.0, queue_high_water_bytes=0,
        ),
        labels=Labels(),
        ledger={"head": account},
    ).write(bag)  # fmt: skip
    return bag


def test_an_episode_with_every_number_is_whole_and_its_first_picture_lies_beside_it(tmp_path: Path) -> None:
    check = check_episode(make_bag(tmp_path, range(201, 600)), {TOPIC: SENT})
    assert check.is_whole, check
    (stream,) = check.streams
    assert (stream.messages, stream.first_number, stream.last_number) == (399, 201, 599)
    assert check.pictures == tuple(str(tmp_path / f"episode_head_{which}.jpg") for which in ("first", "last"))
    assert [Path(picture).read_bytes() for picture in check.pictures] == [JPEG, JPEG]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([*range(201, 300), *range(303, 600)], "3 missing (the ledger says 0 lost, 0 dropped)"),
        ([*range(201, 600), 450], "1 messages are there twice"),
        (range(300, 600), "begins with number 300; the robot sent 250 in the episode"),
        (range(201, 500), "ends with number 499; the robot sent 550 in the episode"),
        (range(201, 1001), "number 1000 was recorded, but only 1000 were sent"),
        ([], "nothing was recorded of 301 messages"),
    ],
)
def test_what_is_amiss_in_the_numbers_is_found_though_the_ledger_knows_nothing(
    tmp_path: Path, numbers: Iterable[int], words: str
) -> None:
    check = check_episode(make_bag(tmp_path, numbers), {TOPIC: SENT})
    assert not check.is_whole
    assert words in " ".join(check.streams[0].problems)


def test_a_loss_in_the_ledger_alone_is_not_whole_either(tmp_path: Path) -> None:
    check = check_episode(make_bag(tmp_path, range(201, 600), lost=2), {TOPIC: SENT})
    assert "nothing is missing, but the ledger says 2 lost" in check.streams[0].problems[0]


def test_a_topic_of_the_robot_that_was_not_recorded_and_a_wrong_end_are_problems(tmp_path: Path) -> None:
    bag = make_bag(tmp_path, range(201, 600), end=End.TIMED_OUT)
    check = check_episode(bag, {TOPIC: SENT, "/imu": SENT})
    assert check.problems == (
        "the episode ended as timed_out",
        "/imu, which the robot publishes, was not recorded",
    )


def test_the_numbers_due_in_a_span_are_those_measured_in_it() -> None:
    assert due_numbers(SENT, begin_ns=START_NS, end_ns=START_NS + S) == range(200, 301)
    assert due_numbers(SENT, begin_ns=START_NS - 9 * S, end_ns=START_NS + 99 * S) == range(1000)
    assert not due_numbers(SentRecord(sent=0, first_ns=None, last_ns=None), begin_ns=0, end_ns=START_NS)


def test_a_robot_that_left_no_account_is_an_error_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(BagReadError, match="left no account"):
        read_robot_report(tmp_path / "none.json")
    (tmp_path / "sent.json").write_text('{"/imu": {"sent": 5, "first_ns": 1, "last_ns": 9}}')
    assert read_robot_report(tmp_path / "sent.json")["/imu"].sent == 5


def test_domains_in_use_are_read_from_the_sockets_of_this_computer() -> None:
    header = "  sl  local_address rem_address   st\n"
    multicast_of_3 = f"   0: 00000000:{7400 + 250 * 3:04X} 00000000:0000 07\n"
    unicast_of_40 = f"   1: 0100007F:{7400 + 250 * 40 + 11:04X} 00000000:0000 07\n"
    dhcp = "   2: 00000000:0044 00000000:0000 07\n"
    assert busy_domains([header + multicast_of_3 + dhcp, header + unicast_of_40]) == {3, 40}


def test_the_children_talk_to_nobody_outside_of_this_computer() -> None:
    environment = private_environment({"ROS_DOMAIN_ID": "7", "ROS_STATIC_PEERS": "robot", "PATH": "/bin"})
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 1 <= int(environment["ROS_DOMAIN_ID"]) <= 101
    assert environment["ROS_DOMAIN_ID"] != "7"
    assert "ROS_STATIC_PEERS" not in environment
    assert environment["PATH"] == "/bin"


def test_a_transport_profile_is_the_one_that_the_distribution_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    assert with_profile({"A": "b"}, Path("/p.xml")) == {"A": "b", "FASTRTPS_DEFAULT_PROFILES_FILE": "/p_jazzy.xml"}
    monkeypatch.setenv("ROS_DISTRO", "kilted")
    assert with_profile({"A": "b"}, Path("/p.xml")) == {"A": "b", "FASTDDS_DEFAULT_PROFILES_FILE": "/p.xml"}


@pytest.mark.parametrize("width", [80, 140])
def test_the_result_says_in_one_sentence_whether_all_is_there(tmp_path: Path, width: int) -> None:
    def shown(check: EpisodeCheck) -> str:
        text = StringIO()
        show_result(Console(file=text, width=width), [check], sent=1000, task="")
        return " ".join(text.getvalue().split())

    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    whole = shown(check_episode(make_bag(tmp_path / "good", range(201, 600)), {TOPIC: SENT}))
    assert "Whole: 1 episode with 399 messages" in whole
    assert "✓ head 399 100.0 0 0 0" in whole
    bad = shown(check_episode(make_bag(tmp_path / "bad", [*range(201, 300), *range(303, 600)]), {TOPIC: SENT}))
    assert "NOT whole" in bad
    assert "episode 1: head: 3 missing" in bad
    assert "✗ head 396" in bad


def test_commands_to_try_name_the_bag_and_those_of_ros_only_where_it_is() -> None:
    text = StringIO()
    show_next(Console(file=text, width=80), "rec/a bag", command="humanoid-recorder", has_ros2=False)
    assert "humanoid-recorder info 'rec/a bag'" in text.getvalue()
    assert "ros2" not in text.getvalue()
    show_next(Console(file=text, width=80), "rec/bag", command="humanoid-recorder", has_ros2=True)
    assert "ros2 bag info rec/bag" in text.getvalue()


def test_our_command_is_named_as_the_users_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = tmp_path / ".venv" / "bin" / "humanoid-recorder"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    on_path = {"PATH": str(program.parent)}
    assert own_command(str(program), on_path) == "humanoid-recorder"
    assert own_command(str(program), {"PATH": os.devnull}) == ".venv/bin/humanoid-recorder"
    assert own_command(str(program), {**on_path, "MAKELEVEL": "1"}) == ".venv/bin/humanoid-recorder"
    assert own_command("/x/main.py", on_path) == f"{sys.executable} -m humanoid_recorder.cli.main"
    assert near("/elsewhere/bag") == "/elsewhere/bag"


def test_a_demo_of_no_length_is_a_usage_error() -> None:
    assert run(["demo", "--seconds", "0"]) == 2
    assert run(["demo", "--episodes", "0"]) == 2
