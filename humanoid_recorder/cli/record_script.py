"""Recording without an operator: N episodes of S seconds, results on standard output, everything else on stderr."""

import json
import signal
import sys
import time
from functools import partial
from pathlib import Path

from humanoid_recorder.cli.node_child import NodeChild, StopSignals
from humanoid_recorder.cli.record_request import RecordRequest
from humanoid_recorder.cli.record_session import (
    EpisodeResult,
    awaited,
    count_of,
    describe_silence,
    heard,
    recorder_of,
    start_episode,
)
from humanoid_recorder.core.errors import EXIT_BAD, CommandRefused, RecorderUnavailableError
from humanoid_recorder.recording.state import Phase, RecorderState
from humanoid_recorder.ros.recorder_client import RecorderClient
from humanoid_recorder.storage.layout import unfinished_path

_START_UP_S = 30.0
"""For the recorder's first word: a loaded robot computer takes its time to start Python."""
_SEAL_S = 60.0
"""For a queue of 256 MB on a slow disk."""
_LEAVE_S = 2.0
_ANNOUNCE_WAIT_S = 1.0
_SETTLE_NS = 400_000_000
"""With --all or --regex a recording begins when two states so far apart show the same topics."""
_SETTLE_S = 2.0
"""At the latest after this long without news."""


def record_unattended(
    request: RecordRequest, child: NodeChild, signals: StopSignals, *, optional: frozenset[str]
) -> int:
    """Record what was asked for and return the exit code.

    Raises:
        CommandRefused: A required stream stayed silent.
        NodeEnded: The recorder ended by itself.
    """
    with recorder_of(child, request) as client:
        script = _Script(request, child, signals, client, optional)
        return script.run()


class _Script:
    """One run of the command."""

    def __init__(
        self,
        request: RecordRequest,
        child: NodeChild,
        signals: StopSignals,
        client: RecorderClient[RecorderState],
        optional: frozenset[str],
    ) -> None:
        self._request = request
        self._child = child
        self._signals = signals
        self._client = client
        self._optional = optional
        self._sealed = 0
        self._is_broken = False
        """Whether an error ended an episode: the next would fare no better."""
        self._is_lossy = False
        """Whether --strict found something."""

    def run(self) -> int:
        state = self._wait_until_ready()
        if state is not None:
            for number in range(1, (self._request.episodes or 1) + 1):
                self._record(Path(state.session), number)
                if self._signals.came() or self._is_broken:
                    break
        if not self._sealed:
            _say("Nothing was recorded.")
        return EXIT_BAD if self._is_broken or self._is_lossy or not self._sealed else 0

    def _wait_until_ready(self) -> RecorderState | None:
        """Wait for the first message of every required stream; None when a signal came first."""
        came = self._signals.came
        state = self._client.wait_for(lambda s: s.phase is not Phase.INACTIVE, timeout_s=_START_UP_S, give_up=came)
        if came():
            return None
        if state is None:
            raise RecorderUnavailableError(f"The recorder has said nothing within {_START_UP_S:g} s.")
        deadline_s = time.monotonic() + self._request.wait_s
        soon_s = min(_ANNOUNCE_WAIT_S, self._request.wait_s)
        ready = self._client.wait_for(_is_ready, timeout_s=soon_s, give_up=came)
        if ready is None and not came():
            _say(f"Waiting for {awaited(self._newest())} (at most {self._request.wait_s:g} s).")
            ready = self._client.wait_for(_is_ready, timeout_s=deadline_s - time.monotonic(), give_up=came)
        if came():
            return None
        if ready is None:
            raise self._refusal()
        return self._settle(ready) if self._request.choice.is_open else ready

    def _settle(self, state: RecorderState) -> RecorderState:
        """Wait until one state to the next shows no further topic."""
        seen: RecorderState | None = state
        while seen is not None:
            state, after_ns = seen, seen.time_ns + _SETTLE_NS
            seen = self._client.wait_for(partial(_is_later, after_ns), timeout_s=_SETTLE_S, give_up=self._signals.came)
            if seen is not None and heard(seen.streams) == heard(state.streams):
                return seen
        return state

    def _refusal(self) -> CommandRefused:
        state, wait_s = self._newest(), self._request.wait_s
        if not state.silent and state.disk is not None and state.disk.problem:
            return CommandRefused(f"{state.disk.problem} Nothing was recorded.", remedy=state.disk.remedy)
        if not state.silent:
            return CommandRefused(
                f"Nothing that is to be recorded has arrived within {wait_s:g} s.",
                remedy="Is the robot running, in this ROS_DOMAIN_ID and network range?",
            )
        without = "set 'required: false' for" if self._request.choice.profile else "leave out"
        required = sum(stream.required for stream in state.streams)
        return CommandRefused(
            f"{len(state.silent)} of {required} required streams are silent after {wait_s:g} s; nothing was recorded:\n"
            f"{describe_silence(state)}",
            remedy=f"Start their publishers, wait longer (--wait), or {without} them.",
        )

    def _record(self, session: Path, number: int) -> None:
        """Record one episode and print its result."""
        episode_id = start_episode(self._client)
        begun_s = time.monotonic()
        count = f" {number} of {self._request.episodes}" if self._request.episodes else ""
        _say(f"Recording{count}: {count_of(heard(self._newest().streams), 'stream')} into {session / episode_id}")
        try:
            self._until_sealed(episode_id, begun_s)
        except RecorderUnavailableError:
            self._report(session, episode_id)  # a recorder that left by itself has sealed it first
            raise
        self._report(session, episode_id)

    def _until_sealed(self, episode_id: str, begun_s: float) -> None:
        def is_sealed(state: RecorderState) -> bool:
            return any(sealed.id == episode_id for sealed in state.recent)

        seconds, came = self._request.seconds, self._signals.came
        left_s = None if seconds is None else begun_s + seconds - time.monotonic()
        early = self._client.wait_for(is_sealed, timeout_s=left_s, give_up=came)
        if early is not None:  # ended by somebody else: max_episode_s, another client, a full disk
            if early.phase is Phase.INACTIVE:  # the recorder is leaving
                self._child.wait(_LEAVE_S)
                self._client.require_running()
            return
        cut_short = self._signals.received
        if cut_short is None or (cut_short is signal.SIGINT and seconds is None):
            try:
                self._client.call("stop")
            except CommandRefused as refusal:  # somebody else was quicker
                _say(str(refusal))
            if self._client.wait_for(is_sealed, timeout_s=_SEAL_S, give_up=came) is None:
                self._child.stop()
        else:
            self._child.stop(cut_short)

    def _report(self, session: Path, episode_id: str) -> None:
        result = EpisodeResult.find(session, episode_id)
        if result is None:
            self._is_broken = True
            why = f" ({self._newest().fault})" if self._newest().fault else ""
            _say(f"error: not sealed{why}: {unfinished_path(session / episode_id)} is left as it is.")
            return
        self._sealed += 1
        print(json.dumps(result.summary()) if self._request.as_json else result.path, flush=True)
        _say(result.in_words())
        if result.is_fault():
            self._is_broken = True
        faults = result.faults(optional=self._optional) if self._request.strict else []
        for fault in faults:
            _say(f"error: {fault}")
            self._is_lossy = True

    def _newest(self) -> RecorderState:
        state = self._client.state
        if state is None:
            raise RecorderUnavailableError("The recorder has said nothing yet.")
        return state


def _is_later(after_ns: int, state: RecorderState) -> bool:
    return state.time_ns > after_ns


def _is_ready(state: RecorderState) -> bool:
    return state.phase is Phase.ARMED


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
