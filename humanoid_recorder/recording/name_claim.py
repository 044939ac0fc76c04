"""Keeps two recorders of one name from running on one computer."""

import errno
import hashlib
import socket

from humanoid_recorder.core.errors import RecorderUnavailableError


class NameClaim:
    """A node's name on its ROS domain, held by this process until ``release`` or the end of the process.

    It is the name of a socket in Linux' abstract namespace: the kernel gives it to one process only, takes it back when
    that process dies in whatever way, and keeps it per network namespace, which is also how far a node on the local
    host can be heard. Nothing is ever sent over it.

    Args:
        node: Fully qualified name of the node.
        domain_id: The ROS domain.

    Raises:
        RecorderUnavailableError: Another process holds the name.
    """

    def __init__(self, node: str, *, domain_id: int) -> None:
        # Hashed, because the name of a socket has at most 107 bytes.
        key = hashlib.sha256(f"{domain_id}{node}".encode()).hexdigest()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(f"\0humanoid_recorder/{key}")
        except OSError as error:
            self._socket.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise twin_error(node) from error

    def release(self) -> None:
        """Give the name up; may be called twice."""
        self._socket.close()


def twin_error(node: str) -> RecorderUnavailableError:
    """Say that another recorder of this name is there, and what to do."""
    return RecorderUnavailableError(
        f"Another recorder named {node} is running.",
        remedy="Stop it, or start this one in a namespace of its own (--ros-args -r __ns:=/robot2).",
    )
