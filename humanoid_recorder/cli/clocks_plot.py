"""The picture of ``humanoid-recorder clocks``: correlation over lag. Needs matplotlib (extra ``view``)."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from humanoid_recorder.core.errors import SessionError, SpecError
from humanoid_recorder.inspection.clock_delays import ClockDelay

_ROW_INCHES = 0.9


def require_plotting() -> None:
    """Refuse at once what would fail after the movement.

    Raises:
        SpecError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise SpecError(
            "Pictures of clocks need matplotlib, which is not installed.",
            remedy="Install the extra `view`: pip install 'humanoid_recorder[view]'",
        )


def plot_clocks(delays: Sequence[ClockDelay], path: Path, *, title: str, search_ms: float) -> None:
    """Draw how well each stream matches the joints at every lag.

    Args:
        delays: At least one with a curve.
        path: The picture; its end (png, svg, pdf) tells the format.
        title: What it is of.
        search_ms: From minus this to this the curves go.

    Raises:
        SpecError: matplotlib does not know the format.
        SessionError: The file cannot be written.
    """
    from matplotlib.figure import Figure  # without pyplot: no window, no state

    drawn = [delay for delay in delays if delay.curve is not None]
    figure = Figure(figsize=(9, 1 + _ROW_INCHES * len(drawn)), layout="constrained")
    rows = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
    for axes, delay in zip(rows, drawn, strict=True):
        curve = delay.curve
        assert curve is not None  # noqa: S101 - chosen above
        colour = "tab:blue" if delay.latency_ms is not None else "lightgrey"
        axes.plot(np.linspace(-search_ms, search_ms, len(curve)), curve, color=colour)
        axes.set_ylim(0, 1)
        label = delay.movement.stream.name
        if delay.latency_ms is not None and delay.error_ms is not None and delay.offset_ms is not None:
            low, high = delay.latency_ms - delay.error_ms, delay.latency_ms + delay.error_ms
            axes.axvspan(low, high, color="tab:green", alpha=0.3)
            label += f"\n{delay.offset_ms:,.1f} ± {delay.error_ms:.1f} ms"
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7)
    rows[0].set_title(f"{title}: correlation with the joints, and offset of each clock", fontsize=9)
    rows[-1].set_xlabel("received later than a joint state of the same moment, ms")
    try:
        figure.savefig(path, dpi=120)
    except ValueError as error:
        raise SpecError(f"{path}: {error}", remedy="Let its name end with .png or .svg.") from error
    except OSError as error:
        raise SessionError(f"{path} cannot be written: {error.strerror or error}.") from error
