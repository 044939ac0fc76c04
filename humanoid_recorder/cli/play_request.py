"""What ``humanoid-recorder play`` was asked to do, checked against the bag before anything is started."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from humanoid_recorder.cli.node_child import NodeRequest, ParameterValue
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.topics import compile_pattern
from humanoid_recorder.playback.playback import FASTEST, LONGEST_S, MOST_CLOCK_HZ, SLOWEST
from humanoid_recorder.playback.program import Window, open_program
from humanoid_recorder.playback.selection import PlayChoice, parse_remap
from humanoid_recorder.playback.timeline import OrderBy

DEFAULT_CLOCK_HZ = 40.0
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NAMESPACE = re.compile(r"/?|/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*/?", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+")


@dataclass(frozen=True, slots=True)
class TopicOptions:
    """Which topics are played, and under which names."""

    topics: tuple[str, ...] = ()
    regex: str = ""
    exclude_topics: tuple[str, ...] = ()
    exclude_regex: str = ""
    remap: tuple[str, ...] = ()
    with_commands: bool = False

    def choice(self) -> PlayChoice:
        """Return the same, checked.

        Raises:
            SpecError: A pattern or a rule is none.
        """
        return PlayChoice(
            topics=frozenset(self.topics),
            regex=compile_pattern(self.regex, option="--regex"),
            exclude_topics=frozenset(self.exclude_topics),
            exclude_regex=compile_pattern(self.exclude_regex, option="--exclude-regex"),
            remap=parse_remap(self.remap),
            with_commands=self.with_commands,
        )


@dataclass(frozen=True, slots=True)
class PlayRequest:
    """Everything the command line says."""

    bag: Path
    topics: TopicOptions
    by: OrderBy
    rate: float
    loop: bool
    start_offset_s: float
    duration_s: float
    """0 = to the end."""
    paused: bool
    step_s: float
    clock_hz: float
    delay_s: float
    wait_for_subscribers: bool
    name: str
    namespace: str

    @property
    def player(self) -> str:
        """Fully qualified name of the player's node."""
        namespace = self.namespace.strip("/")
        return f"/{namespace}/{self.name}" if namespace else f"/{self.name}"

    def node(self) -> NodeRequest:
        """Return how the player is started."""
        parameters: dict[str, ParameterValue] = {
            "bag": str(self.bag.expanduser().absolute()),
            "regex": self.topics.regex,
            "exclude_regex": self.topics.exclude_regex,
            "with_commands": self.topics.with_commands,
            "by": self.by.value,
            "rate": self.rate,
            "loop": self.loop,
            "start_offset_s": self.start_offset_s,
            "duration_s": self.duration_s,
            "paused": self.paused,
            "step_s": self.step_s,
            "clock_hz": self.clock_hz,
            "delay_s": self.delay_s,
            "wait_for_subscribers": self.wait_for_subscribers,
        }
        lists = {
            "topics": self.topics.topics,
            "exclude_topics": self.topics.exclude_topics,
            "remap": self.topics.remap,
        }
        parameters |= {name: list(values) for name, values in lists.items() if values}
        return NodeRequest("player", "humanoid_recorder.nodes.player", self.name, self.namespace, parameters)

    def check(self) -> None:
        """Refuse what cannot be meant, or cannot be played.

        Raises:
            SpecError: An option is wrong, or does not fit the bag.
            BagReadError: There is no complete bag.
            CommandRefused: There is nothing to play.
        """
        for fault in self._faults():
            raise fault
        window = Window(self.start_offset_s, self.duration_s or None)
        # By log time, whatever was asked for: that needs no reading through, and the faults are the same.
        with open_program(
            self.bag.expanduser(),
            self.topics.choice(),
            by=OrderBy.LOG,
            window=window,
            check_type=lambda _type, _hash: "",
        ):
            pass

    def _faults(self) -> Iterator[SpecError]:
        numbers = {
            "--rate": (self.rate, SLOWEST, FASTEST),
            "--start-offset": (self.start_offset_s, 0, LONGEST_S),
            "--duration": (self.duration_s, 0, LONGEST_S),
            "--step": (self.step_s, 0, LONGEST_S),
            "--clock": (self.clock_hz, 0, MOST_CLOCK_HZ),
            "--delay": (self.delay_s, 0, LONGEST_S),
        }
        for option, (value, least, most) in numbers.items():
            if not least <= value <= most:
                yield SpecError(f"{option} is {value:g}.", remedy=f"It must be from {least:g} to {most:g}.")
        if not _NAME.fullmatch(self.name):
            yield SpecError(f"--name {self.name!r} is not a node name.", remedy="Use letters, digits and '_'.")
        if not _NAMESPACE.fullmatch(self.namespace):
            yield SpecError(f"--namespace {self.namespace!r} is not a namespace.", remedy="Write it like /robot1.")


def add_clock_rate(arguments: Sequence[str]) -> list[str]:
    """Let ``--clock`` stand alone, as with ``ros2 bag play``: it then has its usual rate."""
    added: list[str] = []
    for at, argument in enumerate(arguments):
        added.append(argument)
        follows = arguments[at + 1] if at + 1 < len(arguments) else ""
        if argument == "--clock" and not _NUMBER.fullmatch(follows):
            added.append(f"{DEFAULT_CLOCK_HZ:g}")
    return added
