"""A bag made ready to be played: from files on the disk to messages in order."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagReadError, CommandRefused, SpecError
from humanoid_recorder.core.qos import Durability, QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.playback.program import CheckType, Window, open_program
from humanoid_recorder.playback.selection import PlayChoice
from humanoid_recorder.playback.timeline import OrderBy
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter

START_NS = 1_795_160_424_444_668_177
MS = 1_000_000
STRING = "std_msgs/msg/String"
LATCHED = QosOffer(durability=Durability.TRANSIENT_LOCAL)
NAMES = ("/one", "/two", "/map")


def write(
    path: Path,
    times_ms: Sequence[float],
    *,
    names: Sequence[str] = NAMES[:2],
    offers: Sequence[QosOffer] = (QosOffer(),),
    compression: Compression = Compression.NONE,
) -> Path:
    """Write messages on topics in turn; the payload is the number."""
    bag = BagWriter(path, options=BagOptions(chunk_bytes=1500, compression=compression), ros_distro="kilted")
    for number, name in enumerate(names, 1):
        bag.add_topic(BagTopic(number, name, STRING, "string data\n", "RIHS01_x", tuple(offers)))
    for number, at_ms in enumerate(times_ms):
        at_ns = START_NS + round(at_ms * MS)
        bag.write([Sample(number % len(names) + 1, b"%08d" % number, at_ns, at_ns - 5 * MS, None, 0)])
    bag.seal(custom_data={})
    return path


def installed(_type_name: str, _type_hash: str) -> str:
    return ""


def played(
    path: Path,
    *,
    choice: PlayChoice | None = None,
    by: OrderBy = OrderBy.LOG,
    window: Window | None = None,
    check_type: CheckType = installed,
) -> tuple[list[int], list[float], int]:
    """Return the numbers of the messages, their positions in ms, and how many blocks were lost."""
    with open_program(path, choice or PlayChoice(), by=by, window=window or Window(), check_type=check_type) as program:
        messages = list(program.timeline.messages(program.start_ns))
        within = [message for message in messages if message.position_ns <= program.end_ns]
        positions = [message.position_ns / MS for message in within]
        return [int(message.data) for message in within], positions, len(program.lost())


def test_several_files_are_one_bag_in_order_of_time(tmp_path: Path) -> None:
    write(tmp_path / "a", range(0, 200, 2))
    write(tmp_path / "b", range(1, 201, 2))
    both = tmp_path / "both"
    both.mkdir()
    for number, name in enumerate(("b", "a")):
        (file,) = (tmp_path / name).glob("*.mcap")
        file.rename(both / f"both_{number}.mcap")
    numbers, positions, _ = played(both)
    assert positions == list(range(200))
    assert numbers == [number // 2 for number in range(200)]


def test_a_window_is_cut_out_of_the_bag(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", range(100))
    _, positions, _ = played(bag, window=Window(0.03, 0.01))
    assert positions == list(range(30, 41))
    with pytest.raises(SpecError, match="behind the end of the bag"):
        played(bag, window=Window(1.0))


@pytest.mark.parametrize("by", list(OrderBy))
def test_both_orders_begin_at_their_own_beginning(tmp_path: Path, by: OrderBy) -> None:
    _, positions, _ = played(write(tmp_path / "bag", range(50)), by=by)
    assert positions == list(range(50))


def test_topics_whose_type_is_missing_are_left_out_with_the_reason(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", range(4))
    with pytest.raises(CommandRefused, match=r"/one \(std_msgs/msg/String\): no such type; /two"):
        played(bag, check_type=lambda _type, _hash: "no such type")
    seen = []
    played(bag, check_type=lambda *type_and_hash: seen.append(type_and_hash) or "")  # type: ignore[func-returns-value]
    assert seen == [(STRING, "RIHS01_x")] * 2


def test_topics_without_messages_are_not_offered(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", [0.0], names=NAMES)
    with open_program(bag, PlayChoice(), by=OrderBy.LOG, window=Window(), check_type=installed) as program:
        assert [topic.name for topic in program.topics] == ["/one"]


def test_a_latched_topic_keeps_one_message_for_each_offer(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", range(10), offers=(LATCHED, QosOffer()))
    with open_program(bag, PlayChoice(), by=OrderBy.LOG, window=Window(), check_type=installed) as program:
        assert {topic.qos.depth for topic in program.topics} == {2}
        early = [int(m.data) for m in program.timeline.messages(5 * MS) if m.at_once]
        assert early == [1, 2, 3, 4]


@pytest.mark.parametrize("compression", list(Compression))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(at=st.floats(0, 1), bit=st.integers(0, 7), length=st.integers(0, 80))
def test_damage_anywhere_is_told_and_never_changes_what_is_played(
    tmp_path: Path, compression: Compression, at: float, bit: int, length: int
) -> None:
    bag = tmp_path / "bag"
    if not bag.exists():
        write(bag, range(300), compression=compression)
    (file,) = bag.glob("*.mcap")
    data = file.read_bytes()
    damaged = bytearray(data)
    begin = 8 + int(at * (len(data) - 17))
    damaged[begin] ^= 1 << bit
    damaged[begin + 1 : begin + 1 + length] = bytes(len(damaged[begin + 1 : begin + 1 + length]))
    file.write_bytes(damaged[: len(data) - 8] + data[-8:])
    told = ""
    numbers, lost = list(range(300)), 0
    try:
        numbers, _, lost = played(bag)
    except BagReadError as error:
        told = error.message
    finally:
        file.write_bytes(data)
    assert not told or str(file) in told
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 300 or lost


def test_a_damaged_episode_file_lets_no_command_through_by_its_name(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", [0, 1])
    (bag / "episode.json").write_text("{")
    for path in (bag, bag / "bag_0.mcap"):
        with pytest.raises(BagReadError, match="nothing says which topics command the robot") as error:
            played(path)
        assert "--with-commands" in error.value.remedy
    numbers, _, _ = played(bag, choice=PlayChoice(with_commands=True))
    assert numbers == [0, 1]
