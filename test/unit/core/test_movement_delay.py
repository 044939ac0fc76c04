"""A known delay between joints and what sees them comes out, and nothing comes out where nothing was to see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humanoid_recorder.core.movement import (
    STEP_NS,
    FloatTable,
    Sense,
    Series,
    joint_rates,
    make_series,
    predictors,
    response,
)
from humanoid_recorder.core.movement_delay import Lag, find_lag, has_room

START_NS = 1_795_160_424_000_000_000
MS, SECOND = 1_000_000, 1_000_000_000
SECONDS = 8
SEARCH = 250
COUNT = SECONDS * SECOND // STEP_NS
JOINTS = 4


def positions(seed: int) -> tuple[FloatTable, FloatTable]:
    """Strokes of some joints: times in s, and rad at these, finely sampled."""
    draw = np.random.default_rng(seed)
    times = np.arange(-2 * SECOND, (SECONDS + 2) * SECOND, MS) / SECOND
    path = np.zeros((len(times), JOINTS))
    for column in range(JOINTS):
        at = -2.0
        while at < SECONDS + 2:
            lasts, reach = draw.uniform(0.2, 0.5), draw.uniform(-0.5, 0.5)
            share = np.clip((times - at) / lasts, 0, 1)
            path[:, column] += reach * share * share * (3 - 2 * share)
            at += lasts + draw.uniform(0.1, 0.6)
    return times[:, None], path


def seen_by(sense: Sense, path: FloatTable, seed: int) -> FloatTable:
    mix = np.random.default_rng(seed + 1).uniform(-1, 1, (JOINTS, 3))
    if sense is Sense.AMOUNT:
        return np.asarray(np.abs(np.gradient(path, 0.001, axis=0)).sum(axis=1, keepdims=True))
    if sense is Sense.FORCE:
        return np.asarray(path @ mix + 0.01 * np.gradient(np.gradient(path @ mix, 0.001, axis=0), 0.001, axis=0))
    return np.asarray(path @ mix)


def sampled(times: FloatTable, path: FloatTable, sense: Sense, *, rate_hz: float, delay_ms: float) -> Series:
    at = np.arange(-1.5, SECONDS + 1.5, 1 / rate_hz)
    table = np.stack([np.interp(at, times[:, 0], path[:, column]) for column in range(path.shape[1])], axis=1)
    stamps = START_NS + (at * SECOND).astype(np.int64) + round(delay_ms * MS)
    return make_series(stamps, table, sense=sense, is_rate=sense is Sense.AMOUNT)


def lag_of(sense: Sense, *, delay_ms: float, rate_hz: float = 200, seed: int = 1) -> Lag:
    times, path = positions(seed)
    joints = sampled(times, path, Sense.VELOCITY, rate_hz=500, delay_ms=0)
    seen = sampled(times, seen_by(sense, path, seed), sense, rate_hz=rate_hz, delay_ms=delay_ms)
    explaining = predictors(joint_rates(joints, START_NS, COUNT), sense)
    return find_lag(explaining, response(seen, START_NS, COUNT), search=SEARCH)


@settings(max_examples=20, deadline=None)
@given(
    sense=st.sampled_from(list(Sense)),
    delay_ms=st.floats(-700, 700),
    rate_hz=st.sampled_from([30, 72, 500]),
    seed=st.integers(0, 50),
)
def test_a_known_delay_is_found(sense: Sense, delay_ms: float, rate_hz: float, seed: int) -> None:
    if sense is Sense.FORCE:
        rate_hz = 500
    lag = lag_of(sense, delay_ms=delay_ms, rate_hz=rate_hz, seed=seed)
    found_ms = lag.steps * STEP_NS / MS
    assert abs(found_ms - delay_ms) < (20.0 if sense is Sense.AMOUNT else 6.0)
    assert lag.correlation > 0.8
    assert lag.error_steps * STEP_NS / MS < 40


def test_noise_does_not_correlate() -> None:
    times, path = positions(3)
    explaining = predictors(
        joint_rates(sampled(times, path, Sense.VELOCITY, rate_hz=500, delay_ms=0), START_NS, COUNT), Sense.AMOUNT
    )
    noise = np.random.default_rng(3).uniform(0, 1, (240, 1))
    stamps = START_NS + np.arange(240, dtype=np.int64) * SECOND // 30
    seen = response(make_series(stamps, noise, sense=Sense.AMOUNT, is_rate=True), START_NS, COUNT)
    lag = find_lag(explaining, seen, search=SEARCH)
    assert lag.correlation < 0.7


def test_a_lag_outside_of_the_search_shows_at_its_edge_or_does_not_match() -> None:
    lag = lag_of(Sense.VELOCITY, delay_ms=1040)
    assert lag.is_at_edge or lag.correlation < 0.7


def test_a_movement_that_repeats_itself_has_a_rival_as_good() -> None:
    wave = np.sin(2 * np.pi * np.arange(COUNT) * STEP_NS / SECOND)[:, None]
    regular = find_lag(wave, wave, search=SEARCH)
    assert regular.rival > 0.97 * regular.correlation
    strokes = lag_of(Sense.VELOCITY, delay_ms=0)
    assert strokes.rival < 0.92 * strokes.correlation


def test_a_robot_at_rest_explains_nothing() -> None:
    still = make_series(
        START_NS + np.arange(COUNT, dtype=np.int64) * STEP_NS, np.ones((COUNT, 2)), sense=Sense.VELOCITY
    )
    explaining = predictors(joint_rates(still, START_NS, COUNT), Sense.VELOCITY)
    assert explaining.shape == (COUNT, 0)
    with pytest.raises(ValueError, match="too little"):
        find_lag(explaining, np.ones((COUNT, 1)), search=SEARCH)


def test_what_is_too_short_is_refused() -> None:
    assert has_room(1000, search=250)
    assert not has_room(999, search=250)
    with pytest.raises(ValueError, match="too little"):
        find_lag(np.ones((999, 1)), np.ones((999, 1)), search=250)


def test_a_series_is_in_order_without_repeated_times_and_without_what_is_no_number() -> None:
    times = np.array([30, 10, 20, 20, 40], np.int64)
    values = np.array([[3.0], [1.0], [2.0], [2.5], [np.nan]])
    series = make_series(times, values, sense=Sense.VELOCITY)
    assert series.times_ns.tolist() == [10, 20, 30]
    assert series.values.ravel().tolist() == [1.0, 2.5, 3.0]
    assert len(make_series(times[:0], values[:0], sense=Sense.VELOCITY).times_ns) == 0
