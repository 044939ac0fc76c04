"""The keys of ``humanoid-recorder clocks --json``, which stay."""

from pydantic import BaseModel, ConfigDict


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class StreamReport(_Report):
    """One stream. Times in ms; null where movement did not tell."""

    name: str
    topic: str
    kind: str
    time: str
    """Which of its times is meant: stamp, publish or log."""
    messages: int
    unreadable: int
    found: bool
    offset_ms: float | None
    """What to add to its times to bring them on the clock of the joints: ``align.offset_ms`` of the profile."""
    error_ms: float | None
    """Half of an interval that should hold 95 of 100 such estimates."""
    declared_ms: float
    """What the profile says so far; 0 without one."""
    latency_ms: float | None
    """How much later than a joint state it is received, measured at the same moment."""
    correlation: float | None
    problem: str
    """Why nothing was found; empty when something was."""
    note: str
    written: bool
    """Whether ``--write`` has put the offset into the profile."""


class ClocksReport(_Report):
    """The whole report; its fields are the keys of ``--json``, which stay."""

    schema_version: int = 1
    good: bool
    """At least one offset was found."""
    path: str
    """Of the bag."""
    profile: str
    """Where it came from; empty without one."""
    joints: str
    """The stream that the others are compared with; empty without one."""
    seconds: float
    """Of joint states that were looked at."""
    search_ms: float
    streams: tuple[StreamReport, ...]
    plot: str | None = None
    problem: str = ""
    """Why no stream could be compared at all."""
