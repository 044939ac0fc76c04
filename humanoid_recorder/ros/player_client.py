"""A client of a running player."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from humanoid_recorder.ros.node_client import NodeClient, StateT, always, connected

COMMANDS = ("pause", "resume", "toggle", "step", "restart")


@contextmanager
def connect_to_player(
    player: str, *, parse: Callable[[str], StateT | None], is_running: Callable[[], bool] = always
) -> Iterator[NodeClient[StateT]]:
    """Make a client for as long as the block lasts.

    Args:
        player: Fully qualified name of the player's node.
        parse: Turns the JSON of ``~/state`` into a state, or into None for one to be ignored.
        is_running: Whether the player's process is alive, where that can be known.
    """
    with connected(
        lambda node: NodeClient(node, player, what="player", commands=COMMANDS, parse=parse, is_running=is_running)
    ) as client:
        yield client
