from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.sim.faults import kinds
from humanoid_recorder.sim.faults.effects import Sample
from humanoid_recorder.sim.faults.kinds import KINDS, Fault
from humanoid_recorder.sim.faults.pipeline import FaultyStream, Outgoing

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
NUMBERS = [
    kinds.Bursts("s"),
    kinds.ClockOffset("s"),
    kinds.ClockDrift("s"),
    kinds.StaleFirst("s"),
    kinds.ExactRepeats("s"),
    kinds.Silent("s"),
    kinds.Late("s"),
    kinds.TaxelsStuck("s"),
    kinds.TaxelsSaturated("s"),
    kinds.WrenchBias("s"),
    kinds.JointJump("s"),
    kinds.PublisherRestart("s"),
]
CHANGES_STAMPS = (kinds.ClockOffset, kinds.ClockDrift, kinds.StaleFirst)
CHANGES_VALUES = (
    kinds.ExactRepeats,
    kinds.FrozenCamera,
    kinds.TaxelsStuck,
    kinds.TaxelsSaturated,
    kinds.WrenchBias,
    kinds.JointJump,
)


def samples(count: int, *, period_ns: int = 2 * MS, size: int = 12) -> list[Sample]:
    draw = np.random.default_rng(1)
    return [Sample(START_NS + number * period_ns, draw.standard_normal(size)) for number in range(count)]


def run(faults: Sequence[Fault], given_samples: Sequence[Sample], *, seed: int = 0) -> list[Outgoing | None]:
    stream = FaultyStream("s", seed)
    stream.set_faults(faults)
    return [stream.apply(sample) for sample in given_samples]


def published(faults: Sequence[Fault], given_samples: Sequence[Sample]) -> list[Outgoing]:
    return [out for out in run(faults, given_samples) if out is not None]


def array(out: Outgoing | Sample) -> npt.NDArray[np.float64]:
    assert isinstance(out.values, np.ndarray)
    return out.values


def test_without_a_fault_every_sample_goes_out_untouched_and_at_once() -> None:
    for sample, out in zip(samples(20), run([], samples(20)), strict=True):
        assert out is not None
        assert (out.stamp_ns, out.publish_ns) == (sample.stamp_ns, sample.stamp_ns)
        np.testing.assert_array_equal(array(out), array(sample))


@pytest.mark.parametrize("fault", NUMBERS, ids=lambda fault: type(fault).__name__)
def test_a_fault_changes_what_its_name_says_and_nothing_else(fault: Fault) -> None:
    before = [array(sample).copy() for sample in samples(3000)]
    measured = samples(3000)
    for sample, kept, out in zip(measured, before, run([fault], measured), strict=True):
        np.testing.assert_array_equal(array(sample), kept)
        if out is None:
            assert isinstance(fault, kinds.Silent | kinds.Late | kinds.PublisherRestart)
            continue
        if not isinstance(fault, CHANGES_STAMPS):
            assert out.stamp_ns == sample.stamp_ns
        if not isinstance(fault, CHANGES_VALUES):
            assert out.values is sample.values
        if not isinstance(fault, kinds.Bursts):
            assert out.publish_ns == sample.stamp_ns


@pytest.mark.parametrize("fault", NUMBERS, ids=lambda fault: type(fault).__name__)
def test_after_a_fault_is_switched_off_samples_are_untouched_again(fault: Fault) -> None:
    stream = FaultyStream("s")
    measured = samples(200)
    for sample in measured[:50]:
        stream.apply(sample)
    stream.set_faults([fault])
    healthy = [stream.is_healthy(measured[50].stamp_ns)]
    for sample in measured[50:100]:
        stream.apply(sample)
    stream.set_faults([])
    after = [stream.apply(sample) for sample in measured[100:]]
    assert [*healthy, stream.is_healthy(measured[-1].stamp_ns)] == [False, True]
    for sample, out in zip(measured[100:], after, strict=True):
        assert out is not None
        assert (out.stamp_ns, out.values is sample.values) == (sample.stamp_ns, True)
        # What was held in a burst still goes out first.
        assert out.publish_ns == sample.stamp_ns or out.publish_ns - measured[99].stamp_ns <= 36 * MS


@given(
    st.lists(st.sampled_from(NUMBERS), unique_by=type),
    st.integers(0, 3),
    st.integers(1, 60),
)
def test_whatever_is_on_nothing_overtakes_nothing_goes_out_before_it_was_measured_and_a_run_can_be_repeated(
    faults: list[Fault], seed: int, count: int
) -> None:
    measured = samples(count)
    outs = run(faults, measured, seed=seed)
    times_ns = [out.publish_ns for out in outs if out is not None]
    assert times_ns == sorted(times_ns)
    for sample, out, again in zip(measured, outs, run(faults[::-1], measured, seed=seed), strict=True):
        assert out is None or out.publish_ns >= sample.stamp_ns
        assert (out is None) == (again is None)
        if out is not None and again is not None:
            assert (out.stamp_ns, out.publish_ns) == (again.stamp_ns, again.publish_ns)
            np.testing.assert_array_equal(array(out), array(again))


def test_bursts_release_everything_measured_within_the_hold_together_with_right_stamps() -> None:
    outs = published([kinds.Bursts("s", 36.0)], samples(180))
    releases_ns = sorted({out.publish_ns for out in outs})
    assert [release - START_NS for release in releases_ns] == [36 * MS * number for number in range(1, 11)]
    assert [sum(out.publish_ns == release for out in outs) for release in releases_ns] == [18] * 10


def test_a_clock_that_is_ahead_stamps_later_by_a_constant() -> None:
    outs = published([kinds.ClockOffset("s", 1700.0)], samples(10))
    assert [out.stamp_ns - out.publish_ns for out in outs] == [1_700_000_000] * 10


def test_a_clock_that_drifts_is_right_at_first_and_gains_in_proportion() -> None:
    outs = published([kinds.ClockDrift("s", 200.0)], samples(11, period_ns=1000 * MS))
    assert [out.stamp_ns - out.publish_ns for out in outs] == [200_000 * number for number in range(11)]


def test_only_the_first_messages_are_stale() -> None:
    outs = published([kinds.StaleFirst("s", 5000.0, 2)], samples(5))
    assert [out.publish_ns - out.stamp_ns for out in outs] == [5_000_000_000] * 2 + [0] * 3


def test_a_late_topic_that_starts_stale_is_stale_in_the_first_messages_that_are_published() -> None:
    outs = published([kinds.StaleFirst("s", 5000.0, 2), kinds.Late("s", 100.0)], samples(100))
    assert [out.publish_ns - out.stamp_ns for out in outs[:3]] == [5_000_000_000] * 2 + [0]


@pytest.mark.parametrize("share_percent", [12.0, 23.0])
def test_that_share_of_poses_repeats_the_one_before_exactly_with_running_stamps(share_percent: float) -> None:
    outs = published([kinds.ExactRepeats("s", share_percent)], samples(5000))
    repeats = sum(bool((array(a) == array(b)).all()) for a, b in pairwise(outs))
    assert repeats / 4999 == pytest.approx(share_percent / 100, abs=0.02)
    assert len({out.stamp_ns for out in outs}) == 5000


def test_a_frozen_camera_sends_the_picture_of_the_moment_it_froze_with_running_stamps() -> None:
    pictures = [Sample(START_NS + number, b"picture %d" % number) for number in range(5)]
    outs = published([kinds.FrozenCamera("s")], pictures)
    assert [(out.stamp_ns, out.values) for out in outs] == [(sample.stamp_ns, b"picture 0") for sample in pictures]


def test_nothing_comes_of_a_silent_stream() -> None:
    assert published([kinds.Silent("s")], samples(100)) == []


def test_a_late_stream_begins_after_its_delay() -> None:
    outs = published([kinds.Late("s", 100.0)], samples(100))
    assert outs[0].stamp_ns == START_NS + 100 * MS
    assert len(outs) == 50


def test_a_restarted_publisher_is_down_for_a_while_once() -> None:
    stream = FaultyStream("s")
    stream.set_faults([kinds.PublisherRestart("s", 100.0)])
    down = []
    for sample in samples(200):
        assert (stream.apply(sample) is None) == stream.down
        down.append(stream.down)
    assert down == [True] * 50 + [False] * 150


@pytest.mark.parametrize("count", [1, 6, 1000])
def test_stuck_taxels_keep_their_first_value_and_the_others_go_on(count: int) -> None:
    measured = samples(50)
    values = np.array([array(out) for out in published([kinds.TaxelsStuck("s", count)], measured)])
    stuck = (values == values[0]).all(axis=0)
    assert stuck.sum() == min(count, 12)
    np.testing.assert_array_equal(values[:, ~stuck], np.array([array(sample) for sample in measured])[:, ~stuck])


def test_saturated_taxels_show_the_largest_value_and_keep_the_shape() -> None:
    measured = [Sample(sample.stamp_ns, array(sample).reshape(3, 4)) for sample in samples(10)]
    for sample, out in zip(measured, published([kinds.TaxelsSaturated("s", 5e5, 3)], measured), strict=True):
        saturated = array(out) == 5e5
        assert array(out).shape == (3, 4)
        assert saturated.sum() == 3
        np.testing.assert_array_equal(array(out)[~saturated], array(sample)[~saturated])


def test_a_biased_wrench_is_off_in_force_and_moment_about_z() -> None:
    measured = samples(10, size=6)
    for sample, out in zip(measured, published([kinds.WrenchBias("s", 5.0, 0.3)], measured), strict=True):
        np.testing.assert_allclose(array(out) - array(sample), [0, 0, 5.0, 0, 0, 0.3], atol=1e-12)


def test_a_joint_jumps_in_its_position_only() -> None:
    measured = samples(10, size=12)  # four joints: positions, velocities, efforts
    for sample, out in zip(measured, published([kinds.JointJump("s", 0.3, 2)], measured), strict=True):
        np.testing.assert_allclose(array(out) - array(sample), [0, 0, 0.3] + [0] * 9, atol=1e-12)


def test_setting_the_same_fault_again_does_not_begin_it_anew() -> None:
    stream = FaultyStream("s")
    stream.set_faults([kinds.StaleFirst("s", 5000.0, 1)])
    first, second = samples(2)
    stream.apply(first)
    stream.set_faults([kinds.StaleFirst("s", 5000.0, 1), kinds.ClockOffset("s", 1.0)])
    out = stream.apply(second)
    assert out is not None
    assert out.stamp_ns == second.stamp_ns + MS


def test_a_stream_is_not_healthy_before_what_was_held_in_a_burst_has_gone_out() -> None:
    stream = FaultyStream("s")
    stream.set_faults([kinds.Bursts("s", 36.0)])
    stream.apply(samples(1)[0])
    stream.set_faults([])
    assert [stream.is_healthy(START_NS + after * MS) for after in (35, 36)] == [False, True]


def test_streams_draw_different_taxels_and_seeds_change_them() -> None:
    def stuck(name: str, seed: int) -> list[int]:
        stream = FaultyStream(name, seed)
        stream.set_faults([kinds.TaxelsSaturated(name, 5e5, 6)])
        out = stream.apply(Sample(START_NS, np.zeros(84)))
        assert out is not None
        return list(np.flatnonzero(array(out)))

    assert stuck("left_touch", 1) == stuck("left_touch", 1)
    assert len({tuple(stuck("left_touch", 1)), tuple(stuck("right_touch", 1)), tuple(stuck("left_touch", 2))}) == 3


def test_every_fault_is_tested_here() -> None:
    elsewhere = {kinds.FrozenCamera, kinds.SwappedCameras}
    assert {type(fault) for fault in NUMBERS} | elsewhere == set(KINDS)
