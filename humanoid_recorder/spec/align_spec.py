"""How one stream takes part in frames: ``align`` of its entry in a profile."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from humanoid_recorder.core.alignment.rules import Method
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.spec.model import Number, Path, Positive, SpecModel

TimeWord = Literal["stamp", "publish", "log"]
LONGEST_MS = 3_600_000
_LARGEST_OFFSET_MS = 86_400_000

_DEFAULT_METHODS = {
    # Continuous, and sampled faster than they are used: between two samples lies what was, and no half period of age.
    StreamKind.JOINT: Method.INTERPOLATE,
    StreamKind.WRENCH: Method.INTERPOLATE,
    StreamKind.IMU: Method.INTERPOLATE,
    # What was commanded holds until the next command: a mean of two was never commanded.
    StreamKind.COMMAND: Method.LATEST,
    StreamKind.OPERATOR: Method.LATEST,
    # Contact comes and goes within a sample: half a pressure was never felt.
    StreamKind.TACTILE: Method.LATEST,
    # Pictures cannot be interpolated, nor the rotation of a pose linearly.
    StreamKind.CAMERA: Method.LATEST,
    StreamKind.MOCAP: Method.LATEST,
    StreamKind.OBJECT: Method.LATEST,
    StreamKind.OTHER: Method.LATEST,
}
"""Kinds that are not here describe something, or happen: they take no part unless a rule is given."""


class AlignSpec(SpecModel):
    """How one stream is aligned; what is left out has the default of its kind or of ``sync``."""

    rule: Literal["latest", "nearest", "interpolate", "window", "none"] | None = None
    """Which samples belong to a tick; ``none``: the stream takes no part."""
    tolerance_ms: Annotated[Positive, Field(le=LONGEST_MS)] | None = None
    """Largest distance between a tick and a sample; None = ``sync.tolerance_ms``."""
    window: Annotated[int, Field(strict=True, ge=2, le=1000)] | None = None
    """How many samples, for the rule ``window``."""
    time: TimeWord | None = None
    """Which time is compared; None = ``sync.stamp``."""
    offset_ms: Annotated[Number, Field(ge=-_LARGEST_OFFSET_MS, le=_LARGEST_OFFSET_MS)] = 0.0
    """Added to the stream's times, to bring them on the clock of the ticks."""

    def method(self, kind: StreamKind) -> Method | None:
        """Return how a stream of that kind is aligned; None when it takes no part."""
        if self.rule is None:
            return _DEFAULT_METHODS.get(kind)
        return None if self.rule == "none" else Method(self.rule)

    def problems(self, *, kind: StreamKind, rate_hz: float | None, has_no_stamp: bool) -> Iterator[tuple[Path, str]]:
        """Yield what does not fit the stream, each with the path from the stream to the key at fault."""
        if self.rule == "none":
            for key, value in self.model_dump(exclude={"rule"}, exclude_defaults=True).items():
                yield ("align", key), f"{value!r} is for nothing: with 'rule: none' the stream takes no part in frames"
            return
        if rate_hz is None:
            yield ("align",), "a stream without rate_hz is an event stream: it takes no part in frames"
            return
        if self.method(kind) is None:
            yield ("align",), f"a stream of kind {kind} takes no part in frames unless a rule is given"
        if self.method(kind) is Method.WINDOW and self.window is None:
            yield ("align",), "the rule 'window' needs the key window: how many samples"
        if self.window is not None and self.method(kind) is not Method.WINDOW:
            yield ("align", "window"), "only the rule 'window' has one"
        if self.time == "stamp" and has_no_stamp:
            yield ("align", "time"), "the stream has 'stamp: none': choose publish or log"
