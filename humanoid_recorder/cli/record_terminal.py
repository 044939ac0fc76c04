"""Recording with an operator at a terminal: a live table, and one key for each command."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live

from humanoid_recorder.cli.node_child import NodeChild, StopSignals
from humanoid_recorder.cli.record_request import RecordRequest
from humanoid_recorder.cli.record_session import EpisodeResult, count_of, recorder_of, start_episode
from humanoid_recorder.cli.record_table import Notice, Screen, render
from humanoid_recorder.cli.terminal_keys import TerminalKeys
from humanoid_recorder.core.errors import EXIT_BAD, CommandRefused
from humanoid_recorder.recording.state import Phase, RecorderState
from humanoid_recorder.ros.recorder_client import RecorderClient
from humanoid_recorder.storage.layout import DISCARDED_FOLDER, UNFINISHED_SUFFIX

_TURN_S = 0.1
_REDRAW_S = 0.5
_KEY_REPEAT_S = 0.7
"""A pedal that is held down repeats its key, first after half a second and then 30 times a second."""
_QUIT_AGAIN_S = 5.0
_SEAL_S = 60.0


def record_attended(request: RecordRequest, child: NodeChild, signals: StopSignals, *, optional: frozenset[str]) -> int:
    """Let an operator record until they quit, and return the exit code.

    Raises:
        NodeEnded: The recorder ended by itself.
    """
    console = Console()
    with TerminalKeys(sys.stdin.fileno()) as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(render(None, Screen(console.width, console.height)), refresh=True)
        with recorder_of(child, request) as client:
            _Desk(child, signals, client, keys, live).run()
            child.stop(signals.received or (signal.SIGHUP if keys.is_gone else signal.SIGTERM))
            state = client.state
    return _sum_up(state, request, optional)


class _Desk:
    """The loop of keys, news and redrawing."""

    def __init__(
        self,
        child: NodeChild,
        signals: StopSignals,
        client: RecorderClient[RecorderState],
        keys: TerminalKeys,
        live: Live,
    ) -> None:
        self._child = child
        self._signals = signals
        self._client = client
        self._keys = keys
        self._live = live
        self._notice = Notice()
        self._shows_help = False
        self._is_done = False
        self._last_toggle_s = -_KEY_REPEAT_S
        self._quit_pressed_s = -_QUIT_AGAIN_S
        self._actions: dict[str, Callable[[], None]] = {
            " ": self._toggle,
            "\n": self._toggle,
            "\r": self._toggle,
            "s": lambda: self._command("succeed", "success"),
            "f": lambda: self._command("fail", "failure"),
            "d": lambda: self._command("discard", "discarded"),
            "u": lambda: self._command("undo_discard", "brought back"),
            "m": lambda: self._command("mark", "marked"),
            "q": self._quit,
            "?": self._toggle_help,
        }

    def run(self) -> None:
        """Serve the operator until they quit, a signal comes, or the terminal goes away.

        Raises:
            RecorderUnavailableError: The recorder has ended.
        """
        shown: object = None
        drawn_s = 0.0
        while not (self._is_done or self._signals.came() or self._keys.is_gone):
            pressed = self._keys.read(_TURN_S)
            for key in pressed:
                self._actions.get(key, self._say_unknown)()
            self._client.require_running()
            # Whatever tells the operator that a key has worked is drawn at once, numbers twice a second.
            now_shown = (_gist(self._client.state), self._notice, self._shows_help, self._live.console.size)
            if now_shown != shown or time.monotonic() - drawn_s >= _REDRAW_S:
                shown, drawn_s = now_shown, time.monotonic()
                self._draw()
        if self._keys.is_gone:
            self._signals.leave_terminal()

    def _draw(self) -> None:
        size = self._live.console.size
        screen = Screen(
            width=size.width,
            height=size.height,
            notice=self._notice,
            log=_worth_showing(self._child.log_lines()),
            silence_s=self._client.silence_s,
            shows_help=self._shows_help,
        )
        try:
            self._live.update(render(self._client.state, screen), refresh=True)
        except OSError:  # the connection was closed, and the signal that says so has yet to come
            self._keys.is_gone = True

    def _command(self, command: str, done: str) -> None:
        self._attempt(lambda: self._client.call(command).get("episode", ""), done)

    def _attempt(self, action: Callable[[], object], done: str) -> None:
        try:
            self._notice = Notice(f"{done} {action()}")
        except CommandRefused as refusal:
            self._notice = Notice(str(refusal), is_bad=True)

    def _toggle(self) -> None:
        now_s = time.monotonic()
        is_repeat, self._last_toggle_s = now_s - self._last_toggle_s < _KEY_REPEAT_S, now_s
        if is_repeat:
            self._notice = Notice("ignored: the same key again at once, or held down")
        elif self._is_recording():
            self._command("stop", "stopped")
        else:
            self._attempt(lambda: start_episode(self._client), "started")

    def _toggle_help(self) -> None:
        self._shows_help = not self._shows_help

    def _quit(self) -> None:
        now_s = time.monotonic()
        is_second, self._quit_pressed_s = now_s - self._quit_pressed_s < _QUIT_AGAIN_S, now_s
        if self._is_recording():
            if not is_second:
                self._notice = Notice("recording: press q again to stop, keep the episode and quit", is_bad=True)
                return
            self._command("stop", "stopped")
        self._draw()
        self._client.wait_for(_is_idle, timeout_s=_SEAL_S, give_up=self._signals.came)
        self._is_done = True

    def _say_unknown(self) -> None:
        self._notice = Notice("no such key; ? shows them all")

    def _is_recording(self) -> bool:
        state = self._client.state
        return state is not None and state.episode is not None


def _is_idle(state: RecorderState) -> bool:
    return state.phase not in (Phase.RECORDING, Phase.SEALING)


def _gist(state: RecorderState | None) -> object:
    """Return what is drawn at once when it changes."""
    if state is None:
        return None
    return state.phase, state.silent, state.fault, state.kept, state.recent[-1:]


def _worth_showing(log: list[str]) -> list[str]:
    """Leave out what the operator sees elsewhere: what is wrong with a stream, and refusals."""
    return [line for line in log if not line.startswith(("[INFO]", "[WARN]"))]


def _sum_up(state: RecorderState | None, request: RecordRequest, optional: frozenset[str]) -> int:
    """Say what the session left on disk, and return the exit code."""
    session = Path(state.session) if state is not None and state.session else None
    if session is None:
        return 0
    kept = EpisodeResult.all_kept(session)
    discarded = sum(1 for _ in (session / DISCARDED_FOLDER).glob("*"))
    thrown_away = f", {discarded} discarded" if discarded else ""
    print(f"{count_of(len(kept), 'episode')} kept{thrown_away}: {session}")
    faults = [f"{unfinished} is not sealed" for unfinished in sorted(session.glob(f"*{UNFINISHED_SUFFIX}"))]
    if request.strict:
        faults += [f"{result.path.name}: {fault}" for result in kept for fault in result.faults(optional=optional)]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return EXIT_BAD if faults else 0
