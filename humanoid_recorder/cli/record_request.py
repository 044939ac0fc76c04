"""What ``humanoid-recorder record`` was asked to do, checked."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from humanoid_recorder.cli.node_child import NodeRequest, ParameterValue
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.labels import Labels
from humanoid_recorder.core.topics import compile_pattern

_TOPIC = re.compile(r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)
_END_S = 30.0
"""What a slow disk is given, as by ``record.launch.py``: a recorder that is killed loses what waits in its queue."""
_NODE_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which streams are recorded."""

    profile: Path | None = None
    everything: bool = False
    topics: tuple[str, ...] = ()
    regex: str = ""
    exclude: str = ""

    @property
    def is_open(self) -> bool:
        """Whether topics are recorded that nobody named, so that more of them may turn up at any time."""
        return self.everything or bool(self.regex)


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """Everything the command line says."""

    choice: Choice
    out: Path = Path("recordings")
    labels: Labels = field(default_factory=Labels)
    name: str = "recorder"
    namespace: str = "/"
    episodes: int | None = None
    seconds: float | None = None
    """Length of each episode; None = until a signal, or until the operator stops it."""
    wait_s: float = 10.0
    max_episode_s: float | None = None
    """None = no limit for a script, which ends its episodes itself; the recorder's own for an operator."""
    pre_roll_s: float = 0.0
    disk_reserve_gb: float = 0.0
    """0 = automatic."""
    as_json: bool = False
    strict: bool = False
    display: bool = True

    @property
    def is_for_script(self) -> bool:
        """Whether the options alone make this a recording that nobody attends."""
        return self.episodes is not None or self.seconds is not None or self.as_json or not self.display

    @property
    def recorder(self) -> str:
        """Fully qualified name of the recorder's node."""
        namespace = self.namespace.strip("/")
        return f"/{namespace}/{self.name}" if namespace else f"/{self.name}"

    def node(self, *, attended: bool) -> NodeRequest:
        """Return how the recorder is started.

        Args:
            attended: As for ``parameters``.
        """
        return NodeRequest(
            what="recorder",
            module="humanoid_recorder.nodes.recorder",
            name=self.name,
            namespace=self.namespace,
            parameters=self.parameters(attended=attended),
            end_s=_END_S,
        )

    def parameters(self, *, attended: bool) -> dict[str, ParameterValue]:
        """Return the recorder node's parameters.

        Args:
            attended: Whether an operator starts and stops, who may forget to.
        """
        labels = {name: text for name, text in asdict(self.labels).items() if text}
        parameters: dict[str, ParameterValue] = {
            "all": self.choice.everything,
            "regex": self.choice.regex,
            "exclude": self.choice.exclude,
            "out": str(self.out.expanduser().absolute()),
            "pre_roll_s": self.pre_roll_s,
            "disk_reserve_gb": self.disk_reserve_gb,
            **labels,
        }
        if self.choice.profile is not None:
            parameters["profile"] = str(self.choice.profile.expanduser().absolute())
        if self.choice.topics:
            parameters["topics"] = list(self.choice.topics)
        if self.max_episode_s is not None:
            parameters["max_episode_s"] = self.max_episode_s
        elif not attended:
            parameters["max_episode_s"] = 0.0
        return parameters

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            SpecError: With the first fault.
        """
        for fault in self._faults():
            raise fault
        compile_pattern(self.choice.regex, option="--regex")
        compile_pattern(self.choice.exclude, option="--exclude")

    def _faults(self) -> Iterator[SpecError]:
        choice = self.choice
        if choice.profile is None and not choice.topics and not choice.is_open:
            yield SpecError(
                "Nothing was chosen to record.",
                remedy="Say --profile ROBOT.yaml, --all, --topics /a /b or --regex PATTERN.",
            )
        if choice.everything and choice.regex:
            yield SpecError("--regex has no effect beside --all.", remedy="Leave out one of them.")
        if choice.exclude and not choice.is_open:
            yield SpecError(
                "--exclude leaves out topics found by --all or --regex, and neither was given.",
                remedy="Leave it out, or take the streams out of the profile or of --topics.",
            )
        for topic in choice.topics:
            if not _TOPIC.fullmatch(topic):
                yield SpecError(f"{topic!r} is not a topic name.", remedy="Write it as `ros2 topic list` shows it.")
        if not _NODE_NAME.fullmatch(self.name):
            yield SpecError(f"--name {self.name!r} is not a node name.", remedy="Use letters, digits and '_'.")
        if self.namespace.strip("/") and not _TOPIC.fullmatch(self.namespace.rstrip("/")):
            yield SpecError(f"--namespace {self.namespace!r} is not a namespace.", remedy="Write it like /robot1.")
        yield from self._number_faults()

    def _number_faults(self) -> Iterator[SpecError]:
        if self.episodes is not None and self.episodes < 1:
            yield SpecError(f"--episodes is {self.episodes}.", remedy="It must be 1 or more.")
        if self.episodes is not None and self.episodes > 1 and self.seconds is None:
            yield SpecError(
                f"--episodes {self.episodes} needs to know how long each of them is.", remedy="Add --seconds."
            )
        if self.seconds is not None and not (0 < self.seconds < math.inf):
            yield SpecError(f"--seconds is {self.seconds:g}.", remedy="It must be more than zero.")
        numbers = {
            "--wait": self.wait_s,
            "--pre-roll-s": self.pre_roll_s,
            "--max-episode-s": self.max_episode_s or 0.0,
            "--disk-reserve-gb": self.disk_reserve_gb,
        }
        for option, value in numbers.items():
            if not (0 <= value < math.inf):
                yield SpecError(f"{option} is {value:g}.", remedy="It must be zero or more.")
        limit_s = self.max_episode_s
        if limit_s and self.seconds is not None and limit_s < self.seconds:
            yield SpecError(
                f"--max-episode-s {limit_s:g} would cut every episode of --seconds {self.seconds:g} short.",
                remedy="Leave out --max-episode-s: --seconds is the limit.",
            )


def spread_values(arguments: Sequence[str], *, option: str) -> list[str]:
    """Let one option take several values: ``--topics /a /b`` becomes ``--topics /a --topics /b``.

    Command-line libraries repeat the option instead. It is unambiguous for a command without positional arguments:
    whatever follows up to the next option is a value.

    Args:
        arguments: Without the program's and the verb's name.
        option: The option, as ``--topics``.
    """
    spread: list[str] = []
    values_so_far: int | None = None
    for argument in arguments:
        if argument == option:
            values_so_far = 0
        elif argument.startswith("-"):
            values_so_far = None
        elif values_so_far is not None:
            values_so_far += 1
            if values_so_far > 1:
                spread.append(option)
        spread.append(argument)
    return spread
