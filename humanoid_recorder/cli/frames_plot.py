"""The picture of ``humanoid-recorder frames``: completeness and age over time. Needs matplotlib (extra ``view``)."""

from pathlib import Path
from typing import Any

import numpy as np

from humanoid_recorder.core.alignment.frames import AGE_NS, FIRST_ORDINAL, STATUS, FrameTable
from humanoid_recorder.core.alignment.rules import Status
from humanoid_recorder.core.errors import SessionError, SpecError

_MOST_PARTS = 300
_TICKS_PER_PART = 2
"""At least, on average: fewer, and ticks that are not quite even would leave holes that are none."""
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_ROW_INCHES = 0.2

Grid = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def parts_of(table: FrameTable) -> tuple[Grid, Grid]:
    """Sum frames up in at most 300 parts of equal time.

    Args:
        table: Frames, at least one.

    Returns:
        Streams x parts: the share of ticks at which a stream is in order, and its largest age in ms. A part without
        ticks has NaN in both, one without a sample in the latter.
    """
    ticks = table.ticks_ns - table.ticks_ns[0]
    parts = min(_MOST_PARTS, -(-len(ticks) // _TICKS_PER_PART))
    part = np.minimum(ticks * parts // max(1, int(ticks[-1])), parts - 1)
    counts = np.bincount(part, minlength=parts)
    share = np.full((len(table.names), parts), np.nan)
    age_ms = np.full((len(table.names), parts), np.nan)
    for at in range(len(table.names)):
        in_order = np.bincount(part, weights=table.cells[:, at, STATUS] == Status.OK, minlength=parts)
        np.divide(in_order, counts, out=share[at], where=counts > 0)
        has = table.cells[:, at, FIRST_ORDINAL] >= 0
        np.fmax.at(age_ms[at], part[has], np.abs(table.cells[has, at, AGE_NS]) / _NS_PER_MS)
    return share, age_ms


def plot_frames(table: FrameTable, path: Path, *, title: str) -> None:
    """Draw a table of frames.

    Args:
        table: Frames, at least one.
        path: The picture; its end (png, svg, pdf) tells the format.
        title: What it is of.

    Raises:
        SpecError: matplotlib is not installed, or does not know the format.
        SessionError: The file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no state
    except ImportError as error:
        raise SpecError(
            "Pictures of frames need matplotlib, which is not installed.",
            remedy="Install the extra `view`: pip install 'humanoid_recorder[view]'",
        ) from error
    share, age_ms = parts_of(table)
    rows = len(table.names)
    figure = Figure(figsize=(10, 2.4 + 2 * rows * _ROW_INCHES), layout="constrained")
    heights = [1.0, rows * _ROW_INCHES, rows * _ROW_INCHES]
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    seconds = float(table.ticks_ns[-1] - table.ticks_ns[0]) / _NS_PER_S
    _draw_complete(top, table, seconds, parts=share.shape[1])
    top.set_title(title, fontsize=10)
    _draw_grid(figure, middle, 100 * share, table.names, seconds, label="in order, %", colours="RdYlGn", top=100.0)
    _draw_grid(figure, bottom, age_ms, table.names, seconds, label="largest age, ms", colours="viridis", top=None)
    bottom.set_xlabel("s after the first tick")
    try:
        figure.savefig(path, dpi=120)
    except ValueError as error:
        raise SpecError(f"{path}: {error}", remedy="Let its name end with .png or .svg.") from error
    except OSError as error:
        raise SessionError(f"{path} cannot be written: {error.strerror or error}.") from error


def _draw_complete(axes: Any, table: FrameTable, seconds: float, *, parts: int) -> None:
    ticks_s = (table.ticks_ns - table.ticks_ns[0]) / _NS_PER_S
    complete = table.is_complete
    edges = np.linspace(0, seconds, parts + 1)
    total, _ = np.histogram(ticks_s, edges)
    good, _ = np.histogram(ticks_s[complete], edges)
    percent = np.divide(100.0 * good, total, out=np.full(parts, np.nan), where=total > 0)
    axes.stairs(percent, edges, fill=True, color="tab:green", alpha=0.5, baseline=0)
    axes.set_ylim(0, 105)
    axes.set_ylabel("complete\nframes, %")


def _draw_grid(
    figure: Any, axes: Any, grid: Grid, names: tuple[str, ...], seconds: float, *, label: str, colours: str,
    top: float | None,
) -> None:  # fmt: skip
    image = axes.imshow(
        grid,
        aspect="auto",
        interpolation="nearest",
        cmap=colours,
        vmin=0,
        vmax=top,
        extent=(0, max(seconds, 1e-3), len(names) - 0.5, -0.5),
    )
    axes.set_facecolor("lightgrey")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    figure.colorbar(image, ax=axes, label=label)
