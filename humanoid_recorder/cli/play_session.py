"""Both ways of playing: at a terminal with keys, and by itself with the result at the end."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from humanoid_recorder.cli.node_child import NodeChild, NodeEnded, StopSignals
from humanoid_recorder.cli.play_request import PlayRequest
from humanoid_recorder.cli.play_terminal import PlayDesk
from humanoid_recorder.cli.play_view import describe_end, describe_left_out, describe_problems
from humanoid_recorder.cli.terminal_keys import TerminalKeys
from humanoid_recorder.core.errors import EXIT_BAD, RecorderUnavailableError
from humanoid_recorder.playback.state import Phase, PlayerState
from humanoid_recorder.ros.node_client import NodeClient
from humanoid_recorder.ros.player_client import connect_to_player

_START_UP_S = 60.0
"""For the player's first word: with ``--by publish`` it reads the bag through before."""
_END_S = 8.0
"""It waits up to 5 s for subscribers that have not taken everything."""
_JSON_LEAVES_OUT = {"schema_version", "node", "instance", "phase", "behind_ms", "unheard", "time_ns"}


def play_attended(request: PlayRequest, child: NodeChild, signals: StopSignals) -> int:
    """Let somebody at a terminal play, and return the exit code.

    Raises:
        NodeEnded: The player could not start.
    """
    console = Console(highlight=False)
    with (
        TerminalKeys(sys.stdin.fileno(), arrows=True) as keys,
        _player_of(child, request) as client,
        Live(console=console, auto_refresh=False, transient=True) as live,
    ):
        PlayDesk(client, keys, live, signals).run()
        state = _last_state(client, child, signals)
    for line in (*describe_left_out(state), *describe_problems(state)):
        console.print(line, soft_wrap=True)
    console.print(describe_end(state), soft_wrap=True)
    return 0 if state.is_good else EXIT_BAD


def play_unattended(request: PlayRequest, child: NodeChild, signals: StopSignals, *, as_json: bool) -> int:
    """Play, print the result, and return the exit code.

    Raises:
        NodeEnded: The player could not start.
    """
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with _player_of(child, request) as client:
        first = client.wait_for(lambda _state: True, timeout_s=_START_UP_S, give_up=signals.came)
        if first is None and not signals.came():
            raise RecorderUnavailableError(f"The player has said nothing within {_START_UP_S:g} s.")
        if first is not None:
            for line in describe_left_out(first):
                errors.print(line)
            if first.phase is Phase.WAITING and request.wait_for_subscribers and first.unheard:
                errors.print(f"Waiting for subscribers of {', '.join(first.unheard)}.")
        client.wait_for(is_over, give_up=signals.came)
        state = _last_state(client, child, signals)
    for line in describe_problems(state):
        errors.print(line)
    if as_json:
        print(json.dumps({"finished": is_over(state), **state.model_dump(mode="json", exclude=_JSON_LEAVES_OUT)}))
    else:
        print(describe_end(state).plain)
    return 0 if state.is_good else EXIT_BAD


def is_over(state: PlayerState) -> bool:
    """Whether the bag has been played to its end."""
    return state.phase is Phase.FINISHED


@contextmanager
def _player_of(child: NodeChild, request: PlayRequest) -> Iterator[NodeClient[PlayerState]]:
    """Connect to the child, and to no other player of its name."""

    def parse(text: str) -> PlayerState | None:
        state = PlayerState.model_validate_json(text)
        return state if state.instance == child.instance else None

    try:
        with connect_to_player(request.player, parse=parse, is_running=child.is_running) as client:
            yield client
    except RecorderUnavailableError as error:
        child.wait(1.0)
        if child.is_running():
            raise
        raise NodeEnded(child) from error


def _last_state(client: NodeClient[PlayerState], child: NodeChild, signals: StopSignals) -> PlayerState:
    """End the player and return what it said last."""
    state = client.state
    if state is not None and is_over(state):
        child.wait(_END_S)
    child.stop(*(() if signals.received is None else (signals.received,)))
    if client.state is None:
        client.require_running()  # which it is not
        raise RecorderUnavailableError("The player was stopped before it said anything.")
    return client.state
