"""How an episode ended, whether the task succeeded, and the labels the operator gives it.

The two questions are kept apart: ``end`` is a fact about the recording, ``outcome`` is a judgement that may change.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class End(StrEnum):
    """How a recording ended. Whoever stops it first names the reason."""

    STOPPED = "stopped"
    """By the operator or by the script that started it."""
    TIMED_OUT = "timed_out"
    """By ``max_episode_s``."""
    CANCELLED = "cancelled"
    """By a shutdown, a deactivation or a signal: nobody said the attempt was over."""
    FAULT = "fault"
    """By an error such as a full disk."""


class Outcome(StrEnum):
    """Whether the task succeeded."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True)
class Labels:
    """What the operator says about an episode. All but ``reason`` stay from one episode to the next."""

    task: str = ""
    """What should happen, in the site's own words."""
    prompt: str = ""
    """The words given to a language-conditioned policy."""
    operator: str = ""
    scene: str = ""
    reason: str = ""
    """Why the attempt failed; cleared at every start."""

    def for_new_episode(self) -> "Labels":
        """Return the labels an episode starts with."""
        return replace(self, reason="")
