"""The time of a message is the same, read from the bag or from what was stamped live."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.alignment.rules import NO_TIME
from humanoid_recorder.core.alignment.times import TimeSource, time_reader, times_of
from humanoid_recorder.core.cdr import peek_header_stamp_ns
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.core.streams import FieldStamp, StampReader

FAR = 2**63 - 1


@given(
    source=st.sampled_from(TimeSource),
    read_stamp=st.sampled_from([None, peek_header_stamp_ns, FieldStamp(4, "uint64", "s").reader()]),
    payload=st.binary(max_size=16),
    publish_ns=st.integers(-FAR, FAR),
    log_ns=st.integers(0, FAR),
)
def test_live_and_from_the_bag_it_is_the_same_time(
    source: TimeSource, read_stamp: StampReader | None, payload: bytes, publish_ns: int, log_ns: int
) -> None:
    data = b"\x00\x01\x00\x00" + payload
    sample = Sample(1, data, log_ns, publish_ns, read_stamp(data) if read_stamp else None, 0)
    (time_ns,) = times_of(source, [sample])
    assert time_ns == time_reader(source, read_stamp)(data, publish_ns, log_ns)
    assert time_ns == NO_TIME or 0 < time_ns < 2**62


@pytest.mark.parametrize(
    ("source", "expected"), [(TimeSource.STAMP, 3_000_000_004), (TimeSource.PUBLISH, 20), (TimeSource.LOG, 10)]
)
def test_each_source_names_its_own_time(source: TimeSource, expected: int) -> None:
    data = struct.pack("<4xiI", 3, 4).replace(b"\0\0\0\0", b"\0\1\0\0", 1)
    assert time_reader(source, peek_header_stamp_ns)(data, 20, 10) == expected
    assert times_of(source, [Sample(1, data, 10, 20, 3_000_000_004, 1)]) == [expected]


@pytest.mark.parametrize("time_ns", [0, -1, 2**62, 2**64])
def test_what_cannot_be_a_time_is_none(time_ns: int) -> None:
    assert times_of(TimeSource.STAMP, [Sample(1, b"", 1, 1, time_ns, 1)]) == [NO_TIME]
