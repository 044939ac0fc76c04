"""Calling a service from a thread that does not spin, without ever hanging on somebody who has gone."""

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.client import Client

from humanoid_recorder.core.errors import RecorderUnavailableError

ANSWER_S = 4.0
_SLICE_S = 0.05


def ask(client: "Client[Any, Any]", request: object, *, who: str, require: Callable[[], None]) -> Any:
    """Call a service and wait for the answer. Somebody else spins the client's node.

    Args:
        client: Of the service.
        request: What is asked.
        who: Who is asked, for the error.
        require: Called while waiting; raises when there is no point in waiting any longer.

    Returns:
        The response.

    Raises:
        RecorderUnavailableError: No answer within ``ANSWER_S``; or what ``require`` raises.
    """
    deadline_s = time.monotonic() + ANSWER_S

    def require_in_time() -> None:
        require()
        if time.monotonic() > deadline_s:
            raise RecorderUnavailableError(
                f"{who} has not answered {client.srv_name} within {ANSWER_S:g} s.",
                remedy="Is it running, under this name and in this ROS_DOMAIN_ID?",
            )

    while not client.service_is_ready():
        require_in_time()
        time.sleep(0.01)  # the graph has no event to wait for
    answered = threading.Event()
    future = client.call_async(request)
    future.add_done_callback(lambda _future: answered.set())
    while not answered.wait(_SLICE_S):
        require_in_time()
    return future.result()
