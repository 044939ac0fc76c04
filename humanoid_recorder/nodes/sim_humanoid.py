"""``ros2 run humanoid_recorder sim_humanoid``: a simulated Unitree G1 with hands at a table, in real time.

Parameters, topics and services: docs/how-to/simulated-humanoid.md.
"""

import sys
from collections.abc import Sequence

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.ros.running import run_node


def main(args: Sequence[str] | None = None) -> int:
    """Run until a signal."""
    try:
        # Not at the top: without the extra `sim` this import says so.
        from humanoid_recorder.nodes.sim_humanoid_node import SimHumanoidNode
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there is no node yet whose logger could say it
        return error.exit_code
    return run_node(SimHumanoidNode, args)


if __name__ == "__main__":
    sys.exit(main())
