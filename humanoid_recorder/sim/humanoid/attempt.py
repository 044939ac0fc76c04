"""One attempt of the operator at a task, as fast as the machine computes it."""

from dataclasses import dataclass

from humanoid_recorder.sim.humanoid.judge import Judge, Verdict
from humanoid_recorder.sim.humanoid.operator import Operator
from humanoid_recorder.sim.humanoid.robot import SimHumanoid

COMMAND_NS = 10_000_000
"""Time from one command of the operator to the next: 100 Hz."""
SETTLE_NS = 1_000_000_000
"""Time for things to come to rest before the verdict."""
LONGEST_NS = 120_000_000_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it."""

    seed: int
    verdict: Verdict
    duration_s: float
    """Simulated, until the verdict."""
    worst_reach_m: float
    """How far a hand was from where the script wanted it at most."""


def attempt(robot: SimHumanoid, seed: int) -> Attempt:
    """Let the operator do the robot's task once.

    Args:
        robot: It is reset first.
        seed: Where things stand at the start.
    """
    robot.reset(seed)
    operator, judge = Operator(robot.task), Judge(robot.task)
    done_ns: int | None = None
    while robot.time_ns < LONGEST_NS:
        sensors = robot.sensors()
        judge.watch(sensors)
        robot.command(operator.targets(robot.time_ns, sensors))
        if operator.done and done_ns is None:
            done_ns = robot.time_ns
        if done_ns is not None and robot.time_ns - done_ns >= SETTLE_NS:
            break
        robot.step(COMMAND_NS)
    return Attempt(seed, judge.verdict(robot.sensors()), robot.time_ns / 1e9, operator.worst_reach_m)
