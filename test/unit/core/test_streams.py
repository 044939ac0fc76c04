import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.cdr import peek_header_stamp_ns
from humanoid_recorder.core.streams import FieldStamp, StampSource, Stream

ENCAPSULATION = {"<": b"\x00\x01\x00\x00", ">": b"\x00\x00\x00\x00"}


@given(value=st.integers(1, 2**63 - 1), order=st.sampled_from("<>"), padding=st.integers(0, 3))
def test_a_declared_field_is_read_in_either_byte_order(value: int, order: str, padding: int) -> None:
    data = ENCAPSULATION[order] + bytes(8 * padding) + struct.pack(f"{order}q", value) + b"more"
    assert FieldStamp(4 + 8 * padding, "int64", "ns").reader()(data) == value


@pytest.mark.parametrize(("unit", "factor"), [("ns", 1), ("us", 10**3), ("ms", 10**6), ("s", 10**9)])
@pytest.mark.parametrize(("type_", "layout"), [("int32", "i"), ("uint32", "I"), ("int64", "q"), ("uint64", "Q")])
def test_every_type_and_unit_becomes_nanoseconds(type_: str, layout: str, unit: str, factor: int) -> None:
    data = ENCAPSULATION["<"] + struct.pack(f"<{layout}", 1_795_160)
    assert FieldStamp(4, type_, unit).reader()(data) == 1_795_160 * factor


def test_a_field_that_is_zero_negative_or_missing_is_no_stamp() -> None:
    read = FieldStamp(4, "int64", "ms").reader()
    assert read(ENCAPSULATION["<"] + struct.pack("<q", 0)) is None
    assert read(ENCAPSULATION["<"] + struct.pack("<q", -5)) is None
    assert read(ENCAPSULATION["<"] + bytes(7)) is None


def test_stamps_come_from_the_header_unless_the_profile_says_otherwise() -> None:
    declared = Stream("s", "/s", "", stamp=FieldStamp(4, "int64", "ms")).stamp_reader(has_header=True)
    assert declared is not None
    assert declared(ENCAPSULATION["<"] + struct.pack("<q", 7)) == 7_000_000
    assert Stream("s", "/s", "").stamp_reader(has_header=True) is peek_header_stamp_ns
    assert Stream("s", "/s", "", stamp=StampSource.HEADER).stamp_reader(has_header=True) is peek_header_stamp_ns


def test_no_stamp_is_invented() -> None:
    assert Stream("s", "/s", "").stamp_reader(has_header=False) is None
    assert Stream("s", "/s", "", stamp=StampSource.HEADER).stamp_reader(has_header=False) is None
    assert Stream("s", "/s", "", stamp=StampSource.NONE).stamp_reader(has_header=True) is None
