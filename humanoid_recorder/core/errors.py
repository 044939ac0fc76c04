"""Every error this package raises on purpose.

HumanoidRecorderError
 +-- SpecError              what the user wrote is wrong: a YAML file (file, line, key), an option, a parameter
 +-- CommandRefused         the recorder cannot do what was asked in its present state
 +-- SessionError           the output folder cannot be used (missing, locked, not writable)
 +-- BagError
 |    +-- BagReadError      a bag is damaged, unfinished or not a rosbag2 MCAP bag
 |    +-- BagWriteError     a write failed (disk full, I/O error); what is on disk is kept
 +-- RosError
      +-- TypeUnavailableError   a message type is unknown or not installed
      +-- RecorderUnavailableError   no recorder answers under that name, or a twin already does

A message says what is wrong and with which value; ``remedy`` says what to do next. The command line prints both
and no traceback.
"""

EXIT_BAD = 1
"""The data or the run is bad."""
EXIT_USAGE = 2
"""What was asked for is wrong."""


class HumanoidRecorderError(Exception):
    """Base of the tree above.

    Args:
        message: What is wrong, in one sentence, naming the value at fault.
        remedy: What to do next; empty when the message already says it.
    """

    exit_code = EXIT_BAD
    """Of a process that ends because of it."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class SpecError(HumanoidRecorderError):
    """A YAML file, an option or a parameter is wrong."""

    exit_code = EXIT_USAGE


class CommandRefused(HumanoidRecorderError):  # noqa: N818 - an answer to the operator, not a fault of the program
    """A command cannot be carried out in the present state."""


class SessionError(HumanoidRecorderError):
    """The output folder cannot be used."""


class BagError(HumanoidRecorderError):
    """Something is wrong with a bag."""


class BagReadError(BagError):
    """A bag cannot be read."""


class BagWriteError(BagError):
    """A bag cannot be written; what is on disk already stays there."""


class RosError(HumanoidRecorderError):
    """ROS 2 is missing, wrongly set up, or refused a call."""


class TypeUnavailableError(RosError):
    """A message type is unknown, or its package is not installed."""


class RecorderUnavailableError(RosError):
    """No recorder answers, or another one already holds the name."""
