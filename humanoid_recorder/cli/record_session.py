"""What the scripted and the attended recording have in common: a connection, waiting, and results read from disk."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from humanoid_recorder.cli.node_child import NodeChild, NodeEnded
from humanoid_recorder.cli.record_request import RecordRequest
from humanoid_recorder.core.errors import RecorderUnavailableError
from humanoid_recorder.core.labels import End
from humanoid_recorder.recording.state import RecorderState, StreamState
from humanoid_recorder.ros.recorder_client import RecorderClient, connect
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile, StopRecord
from humanoid_recorder.storage.layout import DISCARDED_FOLDER, UNFINISHED_SUFFIX

_LAST_WORDS_S = 1.0
_TWIN_LEAVES_S = 5.0


@contextmanager
def recorder_of(child: NodeChild, request: RecordRequest) -> Iterator[RecorderClient[RecorderState]]:
    """Connect to the child, and to no other recorder of its name.

    Raises:
        NodeEnded: The child has ended by itself.
        RecorderUnavailableError: It does not answer.
    """

    def parse(text: str) -> RecorderState | None:
        state = RecorderState.model_validate_json(text)
        return state if state.instance == child.instance else None

    try:
        with connect(request.recorder, parse=parse, is_running=child.is_running) as client:
            yield client
    except RecorderUnavailableError as error:
        child.wait(_LAST_WORDS_S)
        if child.is_running():
            raise
        raise NodeEnded(child) from error


def start_episode(client: RecorderClient[RecorderState]) -> str:
    """Have the recorder begin an episode, and no other recorder of its name; return the episode's id.

    Raises:
        CommandRefused: In the recorder's own words.
        RecorderUnavailableError: It has ended or does not answer, or it is not alone.
    """
    deadline_s = time.monotonic() + _TWIN_LEAVES_S
    while client.has_company():  # of two the younger one leaves as soon as it hears the other
        if time.monotonic() > deadline_s:
            raise RecorderUnavailableError(
                "Another recorder of the same name is running.", remedy="Stop it, or use --name or --namespace."
            )
    return str(client.call("start")["episode"])


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """A sealed episode, as it is on disk."""

    path: Path
    file: EpisodeFile

    @classmethod
    def find(cls, session: Path, episode_id: str) -> "EpisodeResult | None":
        """Look for an episode by its id; None if it is not sealed.

        Raises:
            BagReadError: Its record cannot be read.
        """
        for path in (session / episode_id, session / DISCARDED_FOLDER / episode_id):
            if path.is_dir():
                return cls(path, EpisodeFile.read(path))
        return None

    @classmethod
    def all_kept(cls, session: Path) -> "list[EpisodeResult]":
        """Return the sealed episodes of a session that are not discarded, oldest first.

        Raises:
            BagReadError: A record cannot be read.
        """
        files = sorted(session.glob(f"[!.]*/{EPISODE_FILE}"))
        return [
            cls(file.parent, EpisodeFile.read(file.parent)) for file in files if file.parent.suffix != UNFINISHED_SUFFIX
        ]

    @property
    def stop(self) -> StopRecord:
        """How it ended."""
        if self.file.stop is None:
            raise ValueError(f"{self.path} is not sealed")
        return self.file.stop

    def summary(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return {
            "path": str(self.path),
            "id": self.file.id,
            "end": self.stop.end.value,
            "detail": self.stop.detail,
            "outcome": self.file.outcome.value,
            "discarded": self.path.parent.name == DISCARDED_FOLDER,
            "duration_s": self.stop.duration_s,
            "messages": self.stop.messages,
            "bytes": self.stop.bytes,
            "lost": self.stop.lost,
            "dropped": self.stop.dropped,
            "unknown_tails": list(self.stop.unknown_tails),
        }

    def in_words(self) -> str:
        """Return one line for people."""
        stop = self.stop
        lost = "an unknown number" if stop.lost is None else f"{stop.lost:,}"
        end = "" if stop.end is End.STOPPED else f"; ended as {stop.end}{': ' if stop.detail else ''}{stop.detail}"
        messages = count_of(stop.messages, "message")
        return f"Sealed: {messages} in {stop.duration_s:.1f} s, {lost} lost, {stop.dropped:,} dropped{end}"

    def is_fault(self) -> bool:
        """Whether an error ended it."""
        return self.stop.end is End.FAULT

    def faults(self, *, optional: frozenset[str]) -> list[str]:
        """Return what ``--strict`` refuses, one line for each stream.

        Args:
            optional: Streams of which loss is accepted; any other counts as required.
        """
        faults = []
        for stream in (*self.file.start.streams, *self.file.streams_joined_later):
            account = self.file.ledger.get(stream.name)
            if account is None or stream.name in optional:
                continue
            problems = []
            if account.lost is None:
                problems.append(f"what was lost is unknown ({account.lost_reason})")
            elif account.lost:
                problems.append(f"{account.lost} lost before they reached us")
            if account.dropped:
                problems.append(f"{account.dropped} dropped by us")
            if not account.written and stream.required:
                problems.append("nothing was recorded")
            if problems:
                faults.append(f"{stream.name}: {', '.join(problems)}")
        return faults


def awaited(state: RecorderState) -> str:
    """Say what a start waits for."""
    if state.silent:
        return ", ".join(state.silent)
    return "the disk" if state.disk is not None and state.disk.problem else "a first message"


def describe_silence(state: RecorderState) -> str:
    """Say of each required stream of which nothing has arrived why that is, one line each."""
    problems = {problem.stream: problem for problem in state.problems}
    topics = {stream.name: stream.topic for stream in state.streams}
    lines = []
    for name in state.silent:
        problem = problems.get(name)
        topic = topics.get(name, name)
        why = f"{problem.problem}. {problem.remedy}" if problem else f"{topic} is published, but nothing arrives."
        lines.append(f"  {name}: {why.rstrip()}")
    return "\n".join(lines)


def heard(streams: tuple[StreamState, ...]) -> int:
    """Return how many streams have delivered something."""
    return sum(stream.age_ms is not None for stream in streams)


def count_of(number: int, noun: str) -> str:
    """Return ``1 stream``, ``2 streams``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
