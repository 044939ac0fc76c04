"""``ros2 run humanoid_recorder sim_humanoid``: a simulated Unitree G1 with hands at a table, in real time.

Parameters, topics and services: docs/how-to/simulated-humanoid.md.
"""

import sys
from collections.abc import Sequence

from humanoid_recorder.core.errors import EXIT_USAGE
from humanoid_recorder.ros.running import run_node

_REMEDY = "Install the extra: pip install 'humanoid_recorder[sim]'."


def main(args: Sequence[str] | None = None) -> int:
    """Run until a signal."""
    try:
        from humanoid_recorder.nodes.sim_humanoid_node import SimHumanoidNode
    except ModuleNotFoundError as error:
        if error.name != "mujoco":
            raise
        message = f"error: the simulated humanoid needs MuJoCo, which is not installed. {_REMEDY}"
        print(message, file=sys.stderr)  # noqa: T201 - there is no node yet whose logger could say it
        return EXIT_USAGE
    return run_node(SimHumanoidNode, args)


if __name__ == "__main__":
    sys.exit(main())
