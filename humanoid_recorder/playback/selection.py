"""Which topics of a bag are played, under which names, and why the others are not."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.playback.commands import is_command

CLOCK = "/clock"
_TOPIC = re.compile(r"(/[A-Za-z_]\w*)+", re.ASCII)


class BagTopic(NamedTuple):
    """A topic of a bag."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class PlayChoice:
    """What the options say.

    A topic is played if it is listed, or contains a match of ``regex``, or neither is given; the two excludes win over
    ``regex``, and ``exclude_topics`` over everything.
    """

    topics: frozenset[str] = frozenset()
    regex: re.Pattern[str] | None = None
    exclude_topics: frozenset[str] = frozenset()
    exclude_regex: re.Pattern[str] | None = None
    remap: Mapping[str, str] = field(default_factory=dict)
    """New names by old ones."""
    with_commands: bool = False
    own_clock: bool = False
    """Whether we publish ``/clock`` ourselves; then the bag's is not played."""

    def wants(self, topic: str) -> bool:
        """Whether a topic is chosen."""
        if topic in self.exclude_topics:
            return False
        if topic in self.topics:
            return True
        if self.exclude_regex is not None and self.exclude_regex.search(topic):
            return False
        if self.regex is not None:
            return bool(self.regex.search(topic))
        return not self.topics


class LeftOut(NamedTuple):
    """A topic that is not played although the choice has it."""

    topic: str
    type: str
    reason: str
    is_command: bool = False


class Selection(NamedTuple):
    """What is played."""

    played: dict[int, str]
    """Names under which topics are published, by the index of the topic in the bag."""
    left_out: tuple[LeftOut, ...]


def select(topics: Iterable[BagTopic], choice: PlayChoice, kinds: Mapping[str, str]) -> Selection:
    """Choose the topics of a bag.

    Args:
        topics: All that the bag has.
        choice: What was asked for.
        kinds: What ``episode.json`` says of topics, by name.

    Raises:
        SpecError: A topic was named that the bag does not have, or two of different types would get one name.
    """
    topics = list(topics)
    _refuse_unknown(topics, choice)
    played: dict[int, str] = {}
    left_out: list[LeftOut] = []
    for index, (name, type_name) in enumerate(topics):
        if not choice.wants(name):
            continue
        new_name = choice.remap.get(name, name)
        # A new name can make a command of what was none: measured joints, sent where the robot takes its orders.
        moves = is_command(name, type_name, kinds) or (name != new_name and is_command(new_name, type_name, {}))
        if moves and not choice.with_commands:
            left_out.append(LeftOut(name, type_name, "it would move a robot that hears it", is_command=True))
        elif new_name == CLOCK and choice.own_clock:
            left_out.append(LeftOut(name, type_name, "we publish the clock ourselves"))
        else:
            played[index] = new_name
    _refuse_clashes(topics, played)
    return Selection(played, tuple(left_out))


def parse_remap(rules: Iterable[str]) -> dict[str, str]:
    """Read rules such as ``/a:=/b``.

    Raises:
        SpecError: One is none.
    """
    remap = {}
    for rule in rules:
        old, separator, new = rule.partition(":=")
        if not separator or not _TOPIC.fullmatch(old) or not _TOPIC.fullmatch(new):
            raise SpecError(f"{rule!r} is not a remapping.", remedy="Write it as /old:=/new, with full topic names.")
        remap[old] = new
    return remap


def _refuse_unknown(topics: Iterable[BagTopic], choice: PlayChoice) -> None:
    names = sorted({topic.name for topic in topics})
    unknown = sorted((choice.topics | choice.remap.keys()) - set(names))
    if unknown:
        has = ", ".join(names) or "no topics"
        raise SpecError(f"The bag has no {', '.join(unknown)}.", remedy=f"It has {has}.")


def _refuse_clashes(topics: list[BagTopic], played: Mapping[int, str]) -> None:
    types: dict[str, str] = {}
    for index, new_name in played.items():
        type_name = topics[index].type
        if types.setdefault(new_name, type_name) != type_name:
            raise SpecError(
                f"{new_name} would be published with two types, {types[new_name]} and {type_name}.",
                remedy="Leave one out, or remap it to another name.",
            )
