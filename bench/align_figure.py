"""Draws how the samples around one tick were chosen, from a real bag: docs/images/alignment.svg.

    python -m bench.align_figure BAG docs/images/alignment.svg --streams head joints left_touch operator_head

Needs matplotlib (extra ``view``), and a bag that was recorded with a profile.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from humanoid_recorder.core.alignment.frames import COUNT, FIRST_ORDINAL
from humanoid_recorder.core.alignment.rules import ReferenceClock
from humanoid_recorder.storage.bag_frames import AlignedBag, align_bag, plan_for, profile_in
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

MS = 1_000_000
BEFORE_MS, AFTER_MS = 55, 85
DROP = 0.45
"""How far below its measurement the arrival of a sample is drawn."""


def draw(bag: AlignedBag, names: list[str], tick: int, path: Path) -> None:
    """Draw one tick."""
    tick_ns = int(bag.table.ticks_ns[tick])
    assert isinstance(bag.plan.clock, ReferenceClock)
    clock = bag.times[bag.plan.clock.stream]
    (own,) = np.nonzero(clock.times_ns == tick_ns)
    arrived_ms = float(clock.logs_ns[own[0]] - tick_ns) / MS
    until_ms = arrived_ms + bag.plan.hold_off_ns / MS
    figure = Figure(figsize=(9, 0.8 + 0.85 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(-BEFORE_MS, until_ms, color="tab:green", alpha=0.07, linewidth=0)
    axes.axvline(0, color="black", linewidth=1.2)
    axes.axvline(until_ms, color="tab:green", linestyle="--", linewidth=1.2)
    axes.text(0, -0.75, "tick", ha="center", fontsize=9)
    label = f"what has arrived by here takes part\n(the tick's message + {bag.plan.hold_off_ns / MS:g} ms)"
    axes.text(until_ms - 1, -0.62, label, ha="right", fontsize=8, color="tab:green")
    for row, name in enumerate(names):
        _draw_stream(axes, bag, bag.table.names.index(name), tick, row, until_ms)
    axes.set_xlim(-BEFORE_MS, AFTER_MS)
    axes.set_ylim(len(names) - 0.25, -1)
    axes.set_yticks([*range(len(names))], names)
    axes.set_xlabel("ms after the tick: above when it was measured, below when it arrived")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False)
    figure.savefig(path, metadata={"Date": None})


def _draw_stream(axes: Axes, bag: AlignedBag, stream: int, tick: int, row: int, until_ms: float) -> None:
    times = bag.times[stream]
    measured = (times.times_ns - bag.table.ticks_ns[tick]) / MS
    arrived = (np.maximum.accumulate(times.logs_ns) - bag.table.ticks_ns[tick]) / MS
    (near,) = np.nonzero((measured > -BEFORE_MS) & (measured < AFTER_MS))
    first, count = (int(bag.table.cells[tick, stream, field]) for field in (FIRST_ORDINAL, COUNT))
    for at in near:
        is_chosen = first <= at < first + count
        colour = "tab:red" if is_chosen else "tab:blue" if arrived[at] <= until_ms else "lightgrey"
        line, size = (1.2, 36) if is_chosen else (0.4, 9)
        axes.plot([measured[at], arrived[at]], [row, row + DROP], color=colour, linewidth=line, zorder=2 + is_chosen)
        axes.scatter([measured[at]], [row], s=size, color=colour, zorder=3 + is_chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--streams", nargs="+", required=True)
    parser.add_argument("--tick", type=int, default=61, help="index of the frame (61)")
    options = parser.parse_args()
    episode = EpisodeFile.read(options.bag)
    plan = plan_for(profile_in(episode, options.bag), name="the profile")
    draw(align_bag(BagReader(options.bag), plan, episode=episode), options.streams, options.tick, options.out)


if __name__ == "__main__":
    main()
