"""What a check of ``humanoid-recorder doctor`` answers."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Recording works; something may be lost or late, or cannot be known."""
    PROBLEM = "problem"
    """Recording fails or cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check."""

    name: str
    level: Level
    found: str
    """What was seen, with values."""
    remedy: str = ""
    """What to do; empty when nothing is to be done."""


def ok(name: str, found: str) -> Finding:
    """Say that all is well."""
    return Finding(name, Level.OK, found)


def warning(name: str, found: str, remedy: str) -> Finding:
    """Say what may go wrong."""
    return Finding(name, Level.WARNING, found, remedy)


def problem(name: str, found: str, remedy: str) -> Finding:
    """Say what is wrong."""
    return Finding(name, Level.PROBLEM, found, remedy)
