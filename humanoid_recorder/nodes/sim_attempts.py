"""Lets the simulated operator attempt its task again and again, each attempt a labelled episode.

Prints one JSON object for each sealed episode, as ``humanoid-recorder record --json`` does, and ends after the last.
"""

import json
import sys
import threading
from collections.abc import Sequence

from humanoid_recorder.core.errors import HumanoidRecorderError, RecorderUnavailableError
from humanoid_recorder.recording.state import Phase, RecorderState, SealedState
from humanoid_recorder.ros.recorder_client import RecorderClient
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node
from humanoid_recorder.ros.sim_client import SimClient

_READY_S = 30.0
_SEALED_S = 10.0


class SimAttempts(RunnableNode):
    """Parameters: ``attempts``, ``first_seed``, ``longest_s`` (of an attempt), ``recorder`` and ``robot`` (nodes)."""

    def __init__(self, stop: StopRequest) -> None:
        super().__init__("sim_attempts")
        self._stop = stop
        declare_stop_with_parent(self)
        self._attempts = int(self.declare_parameter("attempts", 2).value)
        self._first_seed = int(self.declare_parameter("first_seed", 0).value)
        self._longest_s = float(self.declare_parameter("longest_s", 60.0).value)
        recorder = self.resolve_service_name(str(self.declare_parameter("recorder", "recorder").value))
        robot = self.resolve_service_name(str(self.declare_parameter("robot", "sim_humanoid").value))
        self._recorder = RecorderClient(self, recorder, parse=RecorderState.model_validate_json)
        self._robot = SimClient(self, robot, require=self._require_going_on)
        self._thread = threading.Thread(target=self._run, name="attempts")
        self._thread.start()

    def close(self, reason: str) -> None:
        """Wait for the thread, which notices the request to stop."""
        self._thread.join()
        self.get_logger().info(f"ended ({reason})")

    def _run(self) -> None:
        try:
            ready = self._recorder.wait_for(
                lambda state: state.phase is Phase.ARMED, timeout_s=_READY_S, give_up=self._is_stopping
            )
            if ready is None:
                raise RecorderUnavailableError(f"The recorder was not ready within {_READY_S:g} s.")
            for seed in range(self._first_seed, self._first_seed + self._attempts):
                self._attempt(seed)
        except HumanoidRecorderError as error:
            if not self._is_stopping():
                self.get_logger().error(str(error))
                self._stop.request("an error", exit_code=error.exit_code)
            return
        self._stop.request("all attempts were made")

    def _attempt(self, seed: int) -> None:
        self._recorder.set_labels({"operator": "scripted", "scene": f"simulated, seed {seed}"})
        self._robot.reset(seed)
        episode_id = str(self._recorder.call("start")["episode"])
        end = self._robot.wait_for_end(seed, longest_s=self._longest_s)
        if end is not None and end.success:
            self._recorder.call("succeed")
        else:
            self._recorder.set_labels({"reason": end.missing if end else "the robot said nothing"})
            self._recorder.call("fail")
        self._tell(episode_id)

    def _tell(self, episode_id: str) -> None:
        def find(state: RecorderState) -> SealedState | None:
            return next((episode for episode in state.recent if episode.id == episode_id), None)

        state = self._recorder.wait_for(lambda state: find(state) is not None, timeout_s=_SEALED_S)
        sealed = find(state) if state is not None else None
        if sealed is None:
            raise RecorderUnavailableError(f"The episode {episode_id} was not sealed within {_SEALED_S:g} s.")
        line = sealed.model_dump(mode="json", include={"path", "id", "end", "outcome", "messages", "lost", "dropped"})
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def _is_stopping(self) -> bool:
        return self._stop.is_requested

    def _require_going_on(self) -> None:
        if self._is_stopping():
            raise RecorderUnavailableError("We are stopping.")


def main(args: Sequence[str] | None = None) -> int:
    """Make the attempts, until the last or a signal."""
    return run_node(SimAttempts, args)


if __name__ == "__main__":
    sys.exit(main())
