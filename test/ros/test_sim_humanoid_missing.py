"""The simulated humanoid where its extra is not installed."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.errors import SpecError

if TYPE_CHECKING:
    from test.ros.conftest import StartNode


@pytest.mark.skipif(find_spec("mujoco") is not None, reason="the extra humanoid_recorder[sim] is installed")
def test_it_says_what_to_install_and_ends_without_a_traceback(start_node: "StartNode") -> None:
    robot = start_node("humanoid_recorder.nodes.sim_humanoid")
    assert robot.wait() == SpecError.exit_code
    assert "pip install 'humanoid_recorder[sim]'" in robot.output
    assert "Traceback" not in robot.output
