"""``humanoid-recorder play`` as scripts and people use it."""

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.message_type import STRING_TYPE
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_blocks import BagBlocks
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter

if TYPE_CHECKING:
    from test.e2e.conftest import StartCommand, StartTerminal

START_NS = 1_795_160_424_444_668_177
MESSAGES = 200


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Texts on /words and /joint_commands, 2 s at 100 Hz each."""
    writer = BagWriter(tmp_path / "bag", options=BagOptions(chunk_bytes=2000), ros_distro="kilted")
    for number, name in enumerate(("/words", "/joint_commands"), 1):
        kind = STRING_TYPE
        writer.add_topic(BagTopic(number, name, kind.name, kind.definition, kind.type_hash, (QosOffer(),)))
    for number in range(MESSAGES):
        at_ns = START_NS + number * 10_000_000
        for channel in (1, 2):
            writer.write([Sample(channel, encode_string_message(f"word {number}"), at_ns, at_ns, None, 0)])
    writer.seal(custom_data={})
    return tmp_path / "bag"


def test_a_script_gets_what_was_played_as_json(command: "StartCommand", bag: Path) -> None:
    play = command("play", str(bag), "--json", "--rate", "4", "--delay", "0", "--clock")
    assert play.wait() == 0, play.stderr
    result = json.loads(play.stdout)
    assert result["finished"]
    assert result["sent"] == MESSAGES
    assert [topic["topic"] for topic in result["topics"]] == ["/words"]
    assert [each["topic"] for each in result["left_out"]] == ["/joint_commands"]
    assert result["timing"]["messages"] == MESSAGES
    assert "/joint_commands (std_msgs/msg/String): it would move a robot that hears it" in play.stderr


def test_a_part_is_chosen_by_time_and_by_name(command: "StartCommand", bag: Path) -> None:
    options = ("--start-offset", "0.5", "--duration", "0.25", "--delay", "0", "--with-commands")
    play = command("play", str(bag), "--json", *options, "--remap", "/words:=/said", "/joint_commands:=/asked")
    assert play.wait() == 0, play.stderr
    result = json.loads(play.stdout)
    assert {topic["published_as"]: topic["sent"] for topic in result["topics"]} == {"/said": 26, "/asked": 26}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(command: "StartCommand", bag: Path, number: signal.Signals) -> None:
    play = command("play", str(bag), "--loop", "--wait-for-subscribers")
    play.wait_for("Waiting for subscribers of /words")
    play.signal(number)
    assert play.wait() == 0, play.stderr
    assert "Stopped at 0.0 s: 0 messages on 1 topic" in play.stdout


def test_a_damaged_bag_plays_as_far_as_it_can_be_read_and_ends_with_1(command: "StartCommand", bag: Path) -> None:
    with BagBlocks(bag) as blocks:
        block = blocks.blocks[1]
        lost = sum((blocks.count_in_index(block) or {}).values())
    (file,) = bag.glob("*.mcap")
    data = bytearray(file.read_bytes())
    data[block.end - 20] ^= 0xFF
    file.write_bytes(data)
    play = command("play", str(bag), "--delay", "0", "--rate", "10", "--with-commands")
    assert play.wait() == 1, play.stderr
    assert f"Played: {2 * MESSAGES - lost} messages" in play.stdout
    assert f"lost: {lost} messages over " in play.stderr
    assert "a checksum does not match" in play.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("play", "bag", "--topics", "/none"), 2, "The bag has no /none"),
        (("play", "bag", "--rate", "0"), 2, "--rate is 0"),
        (("play", "bag", "--by", "stamp"), 2, "stamp"),
        (("play", "bag", "--topics", "/joint_commands"), 1, "Say --with-commands"),
        (("play", "nothing"), 1, "There is no nothing"),
        (("play",), 2, "BAG"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is_started(
    command: "StartCommand", bag: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    play = command(*arguments)
    assert play.wait() == code
    assert words in play.stderr
    assert play.stdout == ""


def test_an_unfinished_bag_says_how_to_recover_it(command: "StartCommand", bag: Path) -> None:
    unfinished = bag.rename(bag.with_name("e1.unfinished"))
    play = command("play", str(unfinished))
    assert play.wait() == 1
    assert f"humanoid-recorder recover {unfinished}" in play.stderr


def test_keys_pause_step_seek_and_change_the_rate(terminal: "StartTerminal", bag: Path) -> None:
    screen = terminal("play", str(bag), "--paused", "--delay", "0")
    screen.wait_for(r" PAUSED +x1 [^\n]*\n00:00\.0 ")
    screen.press("s")
    screen.wait_for("1 message on 1 topic")
    screen.press("\x1b[C")  # the right arrow
    screen.wait_for(r"\n00:01\.0 ")
    screen.press("-")
    screen.wait_for(r" PAUSED +x0\.5 ")
    screen.press("l")
    screen.wait_for("loop, pass 1")
    screen.press(" ")
    screen.wait_for(r" PLAYING .*loop, pass 2")
    screen.press("q")
    assert screen.wait() == 0
    assert "Stopped at " in screen.text
    assert "not played: /joint_commands" in screen.text
    assert screen.settings() == screen.settings_before


def test_at_the_end_of_the_bag_the_terminal_is_given_back(terminal: "StartTerminal", bag: Path) -> None:
    screen = terminal("play", str(bag), "--delay", "0")
    assert screen.wait() == 0
    assert f"Played: {MESSAGES} messages on 1 topic, late by " in screen.text
    assert screen.settings() == screen.settings_before
