import contextlib
import os
import termios
from collections.abc import Iterator

import pytest

from humanoid_recorder.cli.terminal_keys import TerminalKeys


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = os.openpty()
    yield master, slave
    for fd in (master, slave):
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(fd)


def test_keys_come_one_by_one_without_enter(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    with TerminalKeys(slave) as keys:
        os.write(master, b"s m")
        assert keys.read(5.0) == "s m"
        assert keys.read(0.0) == ""


@pytest.mark.parametrize("sequence", [b"\x1b[D", b"\x1b[15~", b"\x1bOP", b"\x1b[1;5A", b"\x1bq"])
def test_a_key_that_sends_a_sequence_is_left_out_and_its_neighbours_are_not(
    sequence: bytes, terminal: tuple[int, int]
) -> None:
    master, slave = terminal
    with TerminalKeys(slave) as keys:
        os.write(master, b"s" + sequence + b" ")
        assert keys.read(5.0) == "s "


def test_arrows_are_keys_where_they_are_wanted(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    with TerminalKeys(slave, arrows=True) as keys:
        os.write(master, b"s\x1b[D\x1bOC \x1b[A\x1b[B\x1b[1;5A\x1b[15~q")
        assert keys.read(5.0) == "s←→ ↑↓q"


def test_the_terminal_is_left_as_it_was_even_after_an_error(terminal: tuple[int, int]) -> None:
    _, slave = terminal
    before = termios.tcgetattr(slave)
    with contextlib.suppress(ValueError), TerminalKeys(slave):
        assert termios.tcgetattr(slave) != before
        raise ValueError
    assert termios.tcgetattr(slave) == before


def test_a_closed_terminal_is_noticed_and_ends_without_an_error(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    with TerminalKeys(slave) as keys:
        os.close(master)
        assert keys.read(5.0) == ""
        assert keys.is_gone
