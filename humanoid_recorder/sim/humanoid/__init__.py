"""A simulated Unitree G1 with hands: its physics, sensors and cameras, its tasks, and an operator that does them.

Importing it raises SpecError where the extra ``sim`` is not installed.
"""

from importlib.util import find_spec

from humanoid_recorder.core.errors import SpecError

if find_spec("mujoco") is None:
    raise SpecError(
        "The simulated humanoid needs MuJoCo, which is not installed.",
        remedy="Install the extra: pip install 'humanoid_recorder[sim]'.",
    )
