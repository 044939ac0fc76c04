"""Playing at a terminal: a progress bar, and one key for each command."""

import time
from collections.abc import Callable

from rich.live import Live

from humanoid_recorder.cli.node_child import StopSignals
from humanoid_recorder.cli.play_view import render
from humanoid_recorder.cli.record_table import Notice
from humanoid_recorder.cli.terminal_keys import TerminalKeys
from humanoid_recorder.core.errors import CommandRefused
from humanoid_recorder.playback.state import Phase, PlayerState
from humanoid_recorder.ros.node_client import NodeClient

RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_TURN_S = 0.1
_SHORTEST_SEEK_S, _LONGEST_SEEK_S = 1.0, 10.0


class PlayDesk:
    """The loop of keys, news and redrawing.

    Args:
        client: Of the player.
        keys: Of the terminal.
        live: What is drawn.
        signals: That end it.
    """

    def __init__(self, client: NodeClient[PlayerState], keys: TerminalKeys, live: Live, signals: StopSignals) -> None:
        self._client = client
        self._keys = keys
        self._live = live
        self._signals = signals
        self._notice = Notice()
        self._is_done = False
        self._sought: tuple[float, float] | None = None
        """A target that no state shows yet, and when it was set."""
        self._actions: dict[str, Callable[[PlayerState], None]] = {
            " ": lambda _state: self._command("toggle"),
            "s": lambda _state: self._command("step"),
            "0": lambda _state: self._command("restart"),
            "←": lambda state: self._seek(state, -1),
            "→": lambda state: self._seek(state, +1),
            "↑": lambda state: self._change_rate(state, +1),
            "+": lambda state: self._change_rate(state, +1),
            "=": lambda state: self._change_rate(state, +1),
            "↓": lambda state: self._change_rate(state, -1),
            "-": lambda state: self._change_rate(state, -1),
            "l": lambda state: self._set(loop=not state.loop),
        }

    def run(self) -> None:
        """Serve until the end of the bag, until ``q`` or a signal, or until the terminal has gone.

        Raises:
            RecorderUnavailableError: The player has ended.
        """
        while not (self._is_done or self._signals.came() or self._keys.is_gone):
            state = self._client.state
            if state is not None and state.phase is Phase.FINISHED:
                break
            self._client.require_running()
            self._draw(state)
            for key in self._keys.read(_TURN_S):
                self._press(key)
        if self._keys.is_gone:
            self._signals.leave_terminal()

    def _press(self, key: str) -> None:
        state = self._client.state
        if key == "q":
            self._is_done = True
        elif state is not None and key in self._actions:
            try:
                self._actions[key](state)
            except CommandRefused as refusal:
                self._notice = Notice(str(refusal), is_bad=True)

    def _draw(self, state: PlayerState | None) -> None:
        position_s = 0.0 if state is None else self._position_s(state)
        try:
            self._live.update(render(state, position_s=position_s, notice=self._notice), refresh=True)
        except OSError:  # the connection was closed, and the signal that says so has yet to come
            self._keys.is_gone = True

    def _position_s(self, state: PlayerState) -> float:
        """Return where playing stands by now."""
        since_s = self._client.silence_s if state.phase is Phase.PLAYING and not state.behind_ms else 0.0
        return min(state.end_s, state.position_s + since_s * state.rate)

    def _command(self, command: str) -> None:
        self._client.call(command)
        self._notice = Notice()

    def _set(self, **values: float | bool) -> None:
        self._client.set_parameters(values)
        self._notice = Notice()

    def _seek(self, state: PlayerState, direction: int) -> None:
        now_s = time.monotonic()
        from_s = self._position_s(state)
        if self._sought is not None and now_s - self._sought[1] < self._client.silence_s:
            from_s = self._sought[0]
        by_s = min(_LONGEST_SEEK_S, max(_SHORTEST_SEEK_S, (state.end_s - state.start_s) / 10))
        target_s = min(state.end_s, max(state.start_s, from_s + direction * by_s))
        self._sought = target_s, now_s
        self._set(position_s=target_s)
        self._notice = Notice(f"{direction * by_s:+.1f} s")

    def _change_rate(self, state: PlayerState, direction: int) -> None:
        faster = [rate for rate in RATES if rate > state.rate * 1.001]
        slower = [rate for rate in RATES if rate < state.rate * 0.999]
        if direction > 0 and faster:
            self._set(rate=faster[0])
        elif direction < 0 and slower:
            self._set(rate=slower[-1])
