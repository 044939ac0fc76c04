import ctypes
from types import SimpleNamespace

import pytest

from humanoid_recorder.recording import clock_sync
from humanoid_recorder.recording.clock_sync import is_clock_synchronised


def replace_libc(monkeypatch: pytest.MonkeyPatch, libc: SimpleNamespace) -> None:
    fake = SimpleNamespace(CDLL=lambda _name: libc, create_string_buffer=ctypes.create_string_buffer)
    monkeypatch.setattr(clock_sync, "ctypes", fake)


def test_the_kernel_of_this_machine_says_yes_no_or_nothing() -> None:
    assert is_clock_synchronised() in (True, False, None)


@pytest.mark.parametrize(
    ("result", "status", "expected"), [(0, 0x0001, True), (5, 0x0040, False), (5, 0x2041, False), (-1, 0, None)]
)
def test_the_kernel_s_status_is_read_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, result: int, status: int, expected: bool | None
) -> None:
    """``struct timex`` declared field by field, for the offset that the code counts."""

    class Timex(ctypes.Structure):
        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("esterror", ctypes.c_long),
            ("status", ctypes.c_int),
        )

    def adjtimex(buffer: ctypes.Array[ctypes.c_char]) -> int:
        timex = Timex.from_buffer(buffer)
        assert timex.modes == 0, "it must change nothing"
        timex.status = status
        return result

    replace_libc(monkeypatch, SimpleNamespace(adjtimex=adjtimex))
    assert is_clock_synchronised() is expected


def test_a_system_without_adjtimex_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_libc(monkeypatch, SimpleNamespace())
    assert is_clock_synchronised() is None
