import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.recording.disk_limits import DiskLimits, DiskLoad, Outlook, size_in_words

MB, GB = 10**6, 10**9
LOADS = st.builds(
    DiskLoad,
    bytes_per_s=st.floats(0, 2e9),
    filling_bytes_per_s=st.floats(0, 2e9),
    queued_bytes=st.integers(0, 10 * GB),
    queued_messages=st.integers(0, 10**7),
    pre_roll_bytes=st.integers(0, 10 * GB),
    summary_bytes=st.integers(0, GB),
)


@given(load=LOADS, total_bytes=st.integers(0, 10**14), wanted=st.integers(0, 10**13))
def test_the_limits_always_add_up(load: DiskLoad, total_bytes: int, wanted: int) -> None:
    limits = DiskLimits.of(load, total_bytes=total_bytes, wanted_reserve_bytes=wanted)
    assert 0 < limits.stop_bytes < limits.reserve_bytes < limits.purge_from_bytes < limits.purge_to_bytes
    # Whatever is queued and in the writer's hands, whatever still arrives, and the end of the file fit below the stop.
    on_its_way = load.queued_bytes + 47 * load.queued_messages + load.summary_bytes
    assert limits.stop_bytes >= on_its_way + 2 * load.bytes_per_s + 16 * 2**20 + 8 * 2**20 - 1
    assert limits.reserve_bytes >= wanted
    # A start puts the pre-roll into the queue, and goes on for a while.
    assert limits.reserve_bytes >= limits.stop_bytes + load.pre_roll_bytes + 5 * load.bytes_per_s - 1


@given(load=LOADS, more=LOADS, total_bytes=st.integers(0, 10**14))
def test_a_heavier_load_never_lowers_a_limit(load: DiskLoad, more: DiskLoad, total_bytes: int) -> None:
    heavier = DiskLoad(
        bytes_per_s=load.bytes_per_s + more.bytes_per_s,
        filling_bytes_per_s=load.filling_bytes_per_s + more.filling_bytes_per_s,
        queued_bytes=load.queued_bytes + more.queued_bytes,
        queued_messages=load.queued_messages + more.queued_messages,
        pre_roll_bytes=load.pre_roll_bytes + more.pre_roll_bytes,
        summary_bytes=load.summary_bytes + more.summary_bytes,
    )
    light = DiskLimits.of(load, total_bytes=total_bytes, wanted_reserve_bytes=0)
    heavy = DiskLimits.of(heavier, total_bytes=total_bytes, wanted_reserve_bytes=0)
    assert heavy.stop_bytes >= light.stop_bytes
    assert heavy.reserve_bytes >= light.reserve_bytes


@given(
    rate=st.floats(0, 2e8),
    queued=st.integers(0, GB),
    summary=st.integers(0, 10**8),
    others=st.floats(0, 2e8),
    surplus=st.integers(0, GB),
    look_s=st.floats(0, 1.5),
)
def test_an_episode_that_is_stopped_one_look_late_still_fits(
    rate: float, queued: int, summary: int, others: float, surplus: int, look_s: float
) -> None:
    """The last good look found a little more than the limit; at the next one it is stopped."""
    load = DiskLoad(bytes_per_s=rate, filling_bytes_per_s=rate + others, queued_bytes=queued, summary_bytes=summary)
    free = DiskLimits.of(load, total_bytes=10**12, wanted_reserve_bytes=0).stop_bytes + surplus
    in_hand, record = 16 * 2**20, MB
    assert free - (queued + in_hand + (rate + others) * look_s + summary + record) > 0


def test_what_others_set_aside_at_once_is_not_taken_for_a_speed() -> None:
    def stop(total_bytes: int, filling: float) -> int:
        load = DiskLoad(bytes_per_s=MB, filling_bytes_per_s=filling)
        return DiskLimits.of(load, total_bytes=total_bytes, wanted_reserve_bytes=0).stop_bytes

    assert stop(500 * GB, 30.0 * MB) - stop(500 * GB, 0.0) == 58 * MB
    assert stop(500 * GB, 50.0 * GB) - stop(500 * GB, 0.0) == 998 * MB
    assert stop(GB, 50.0 * GB) - stop(GB, 0.0) == 18 * MB


@pytest.mark.parametrize(
    ("total_bytes", "wanted", "reserve"),
    [
        (500 * GB, 0, 2 * GB),
        (16 * GB, 0, 1600 * MB),
        (500 * GB, 50 * GB, 50 * GB),
        (500 * GB, MB, 58_720_256),
        (100 * MB, 0, 58_720_256),
    ],
)
def test_the_reserve_is_two_gigabytes_or_what_a_small_disk_can_spare(
    total_bytes: int, wanted: int, reserve: int
) -> None:
    limits = DiskLimits.of(DiskLoad(), total_bytes=total_bytes, wanted_reserve_bytes=wanted)
    assert limits.reserve_bytes == reserve


@pytest.mark.parametrize(
    ("spare", "bytes_per_s", "episode_bytes", "minutes", "episodes", "is_little"),
    [
        (60 * 30 * MB * 31, 30.0 * MB, GB, 31.0, 55, False),
        (60 * 30 * MB * 29, 30.0 * MB, GB, 29.0, 52, True),
        (60 * 30 * MB * 31, 30.0 * MB, 3.0 * GB, 31.0, 18, True),
        (-5, 30.0 * MB, GB, 0.0, 0, True),
        (GB, None, None, None, None, False),
        (GB, 0.0, 0.0, None, None, False),
    ],
)
def test_what_is_left_is_told_in_minutes_and_whole_episodes(
    spare: int,
    bytes_per_s: float | None,
    episode_bytes: float | None,
    minutes: float | None,
    episodes: int | None,
    is_little: bool,
) -> None:
    outlook = Outlook.of(spare, bytes_per_s=bytes_per_s, episode_bytes=episode_bytes)
    assert (outlook.minutes_left, outlook.episodes_left, outlook.is_little) == (minutes, episodes, is_little)


def test_sizes_are_short() -> None:
    assert (size_in_words(0), size_in_words(45_400_000), size_in_words(12_340_000_000)) == ("0 MB", "45 MB", "12.3 GB")
