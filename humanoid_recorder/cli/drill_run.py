"""All kills of a drill, one after the other."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from humanoid_recorder.cli.drill_judge import DrillResult, Kill, kill_moments
from humanoid_recorder.cli.drill_round import Cancelled, Round, run_round
from humanoid_recorder.core.errors import SessionError


@dataclass(frozen=True, slots=True)
class DrillRequest:
    """What was asked for."""

    out: Path
    """On the disk that is tested."""
    kills: int
    seconds: float
    """The latest kill, after the start."""
    seed: int
    limit_ms: float
    cuts_power: bool
    keeps: bool
    """Whether the bags stay."""


def run_drill(
    request: DrillRequest, *, on_kill: Callable[[Kill], None], is_cancelled: Callable[[], bool]
) -> DrillResult:
    """Kill so many recorders; less when it is cancelled.

    Args:
        request: How many, and where.
        on_kill: Told of each.
        is_cancelled: Asked 20 times a second.

    Raises:
        SessionError: The folder cannot be used.
        RosError: A process failed or hung; the message has its last words.
    """
    kills: list[Kill] = []
    with _folder(request) as folder, suppress(Cancelled):
        for number, after_s in enumerate(kill_moments(request.seed, request.kills, request.seconds), start=1):
            with tempfile.TemporaryDirectory(prefix="humanoid_recorder_drill_") as scratch:
                this = Round(
                    number=number,
                    after_s=after_s,
                    limit_ms=request.limit_ms,
                    cuts_power=request.cuts_power,
                    keeps=request.keeps,
                    folder=folder / f"{number:04d}",
                    scratch=Path(scratch),
                )
                kills.append(run_round(this, is_cancelled=is_cancelled))
            if not request.keeps:
                shutil.rmtree(this.folder)
            on_kill(kills[-1])
    return DrillResult(tuple(kills), request.kills)


@contextmanager
def _folder(request: DrillRequest) -> Iterator[Path]:
    """Make a folder of our own in ``out``; what was not there before goes in the end, unless it is to be kept."""
    was_there = request.out.exists()
    try:
        request.out.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="drill_", dir=request.out))
    except OSError as error:
        raise SessionError(
            f"{request.out} cannot be used: {error.strerror or error}.", remedy="Choose another folder with --out."
        ) from error
    try:
        yield folder
    finally:
        if not request.keeps:
            shutil.rmtree(folder, ignore_errors=True)
            if not was_there:
                with suppress(OSError):  # somebody else uses it by now
                    request.out.rmdir()
