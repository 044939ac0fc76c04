"""Workloads: which topics are sent, how often, how large, and by which process. Data files in ``workloads/``."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

WORKLOADS = Path(__file__).parent / "workloads"
DEPTH = 100
"""History of every sender: keep last, reliable."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One topic."""

    topic: str
    type: str
    kind: str
    """What the robot profile calls it."""
    rate_hz: float
    bytes: int
    """Of the serialised message, encapsulation included."""
    process: str
    """Streams of one name are sent by one process."""
    stands_for: str = ""
    """The real message where its package is not installed here; the stand-in has its size."""


@dataclass(frozen=True, slots=True)
class Workload:
    """All topics of one robot."""

    name: str
    streams: tuple[Stream, ...]
    stated: dict[str, float]
    """``messages_per_s`` and ``megabytes_per_s`` as the notes state them, for one robot (scale 1)."""
    scale: int = 1

    @property
    def messages_per_s(self) -> float:
        return sum(stream.rate_hz for stream in self.streams)

    @property
    def megabytes_per_s(self) -> float:
        return sum(stream.rate_hz * stream.bytes for stream in self.streams) / 1e6

    @property
    def title(self) -> str:
        return self.name if self.scale == 1 else f"{self.name} x {self.scale}"

    def by_process(self) -> dict[str, list[Stream]]:
        """Group the streams by the process that sends them."""
        groups: dict[str, list[Stream]] = {}
        for stream in self.streams:
            groups.setdefault(stream.process, []).append(stream)
        return groups


def load_workload(path: Path, *, scale: int = 1) -> Workload:
    """Read a data file.

    Args:
        path: The YAML file.
        scale: Every topic is there this many times, sent by the same processes.
    """
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    streams = tuple(stream for entry in loaded["streams"] for stream in _expand(entry, scale))
    topics = [stream.topic for stream in streams]
    if len(set(topics)) < len(topics):
        raise ValueError(f"{path}: two streams have the same topic")
    return Workload(loaded["name"], streams, loaded["stated"], scale)


def _expand(entry: dict[str, Any], scale: int) -> Iterator[Stream]:
    fields = {name: value for name, value in entry.items() if name not in ("topic", "count")}
    for copy in range(scale):
        prefix = f"/robot_{copy + 1}" if scale > 1 else ""
        for number in range(entry.get("count", 1)):
            yield Stream(topic=prefix + str(entry["topic"]).format(number + 1), **fields)


def write_profile(workload: Workload, path: Path) -> None:
    """Write a robot profile that declares every stream, as a site would have one."""
    streams = {
        stream.topic.strip("/").replace("/", "_"): {
            "topic": stream.topic,
            "type": stream.type,
            "kind": stream.kind,
            "rate_hz": stream.rate_hz,
        }
        for stream in workload.streams
    }
    path.write_text(yaml.safe_dump({"robot": {"name": f"bench_{workload.name}"}, "streams": streams}))
