"""Which streams to subscribe to, and how, given what the network shows.

Pure: it looks at the graph and says what to do; the node does it and reports back. A running episode changes as little
as can be: one type for each topic, and nothing is subscribed again but to hear a publisher that would not be heard.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from humanoid_recorder.core.errors import TypeUnavailableError
from humanoid_recorder.core.graph import Link, TopicOnGraph
from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.core.qos import adapt_request, is_compatible
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.core.topics import TopicSelection
from humanoid_recorder.recording.channels import FIRST_CHANNEL_ID, Channel

NO_LINKS: Mapping[int, Link] = MappingProxyType({})


class Moment(Enum):
    """What an episode allows to be changed."""

    BETWEEN_EPISODES = "between episodes"
    """Everything."""
    AT_START = "at a start"
    """A new type, for the episode holds one for each topic; nothing for the better that costs messages."""
    WITHIN_EPISODE = "within an episode"
    """New topics, and asking for less where somebody would not be heard otherwise."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a stream from being recorded as wanted."""

    stream: str
    problem: str
    remedy: str
    check: str = ""
    """Name of the finding that an episode gets for it; empty for what the episode shows anyway."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do now."""

    channel: Channel
    is_new_subscription: bool
    """Subscribe (again); otherwise only what is known of the publishers has changed."""
    replaces: int | None = None
    """Channel that ends first: the same topic with its former type."""


class StreamPlan:
    """The streams of a session and the state of each subscription.

    Args:
        streams: What the profile declares; empty without a profile.
        selection: What else is recorded, by topic name.
        lookup: Finds an installed message type; raises TypeUnavailableError.
    """

    def __init__(
        self, *, streams: tuple[Stream, ...], selection: TopicSelection, lookup: Callable[[str], MessageType]
    ) -> None:
        self._selection = selection
        self._lookup = lookup
        listed = {stream.topic for stream in streams}
        wanted = [
            Stream(name=topic, topic=topic, type="", required=True) for topic in sorted(selection.topics - listed)
        ]
        self.has_profile = bool(streams)
        """Whether streams were declared; without, anything that turns up is all there is to wait for."""
        self._streams: dict[str, Stream] = {stream.topic: stream for stream in (*streams, *wanted)}
        self._channels: dict[str, Channel] = {}
        self._problems: dict[str, Problem] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._heard_latched: set[tuple[str, bytes]] = set()
        """Publishers, by topic, that were there while we asked for latched messages."""

    def wants(self, topic: str) -> bool:
        """Whether a topic of the graph concerns us."""
        return topic in self._streams or self._selection.wants(topic)

    def update(
        self,
        graph: Mapping[str, TopicOnGraph],
        moment: Moment = Moment.BETWEEN_EPISODES,
        links: Mapping[int, Link] = NO_LINKS,
    ) -> list[Step]:
        """Compare with what the network shows.

        Args:
            graph: Every wanted topic that has a publisher.
            moment: What may be changed now.
            links: How each channel is connected, as far as that is known.

        Returns:
            What to do, in order. Subscriptions of topics that lost their publishers stay, for when those come back.
        """
        for name in sorted(graph.keys() - self._streams.keys()):
            self._streams[name] = Stream(name=name, topic=name, type="")
        self._problems.clear()
        steps = []
        for topic, stream in self._streams.items():
            seen = graph.get(topic)
            if seen is None:
                self._note_missing(stream)
                continue
            step = self._present(stream, seen, moment)
            if step is not None:
                self._channels[topic] = step.channel
                steps.append(step)
            if topic in self._channels and stream.name not in self._problems:
                channel = self._channels[topic]
                self._compare_definitions(channel, seen)
                is_new = step is not None and step.is_new_subscription  # what is known is of the one before
                self._look_for_unheard(channel, seen, None if is_new else links.get(channel.id))
        return steps

    def refuse(self, channel: Channel, error: Exception) -> None:
        """Report that a subscription could not be made; it is tried again at the next update."""
        del self._channels[channel.stream.topic]
        self._complain(channel.stream, str(error), "")

    def problems(self) -> list[Problem]:
        """Return what is wrong now, as of the last update."""
        return list(self._problems.values())

    def channels(self) -> list[Channel]:
        """Return every subscribed channel, in the order of their ids."""
        return sorted(self._channels.values(), key=lambda channel: channel.id)

    def unsubscribed(self) -> list[Stream]:
        """Return the streams that have no subscription yet."""
        return [stream for topic, stream in self._streams.items() if topic not in self._channels]

    def _note_missing(self, stream: Stream) -> None:
        if stream.required:
            self._complain(
                stream,
                f"nobody publishes {stream.topic}",
                "Is the driver running, in this ROS_DOMAIN_ID and network range?",
            )

    def _present(self, stream: Stream, seen: TopicOnGraph, moment: Moment) -> Step | None:
        channel = self._channels.get(stream.topic)
        if not self._type_agrees(stream, channel, seen, moment):
            return None
        if channel is not None and seen.types == (channel.message_type.name,):
            return self._follow(channel, seen, moment)
        try:
            message_type = self._lookup(seen.types[0])
            if not message_type.type_hash:
                message_type = replace(message_type, type_hash=next(iter(seen.type_hashes), ""))
        except TypeUnavailableError as error:
            self._complain(stream, error.message, error.remedy)
            return None
        new = Channel(
            # The same at every attempt to subscribe, or failing ones would use up the ids of a bag within hours.
            id=self._ids.setdefault((stream.topic, message_type.name), FIRST_CHANNEL_ID + len(self._ids)),
            stream=replace(stream, type=message_type.name),
            message_type=message_type,
            request=adapt_request(seen.offers, rate_hz=stream.rate_hz),
            offers=(),
            publishers=(),
        )
        return Step(new.seen_on(seen), is_new_subscription=True, replaces=None if channel is None else channel.id)

    def _follow(self, channel: Channel, seen: TopicOnGraph, moment: Moment) -> Step | None:
        """Ask for less when a new publisher offers less, and for more again when it has gone."""
        best = adapt_request(seen.offers, rate_hz=channel.stream.rate_hz)
        # Asking for less is the only way to hear all of them. Asking for more may cost the messages of the moment.
        is_too_much = not all(is_compatible(offer, channel.request) for offer in seen.offers)
        if is_too_much or (best != channel.request and moment is Moment.BETWEEN_EPISODES):
            return Step(replace(channel.seen_on(seen), request=best), is_new_subscription=True)
        now = channel.seen_on(seen)
        return None if now == channel else Step(now, is_new_subscription=False)

    def _type_agrees(self, stream: Stream, channel: Channel | None, seen: TopicOnGraph, moment: Moment) -> bool:
        """Check that one type is published, and one that may be recorded now."""
        now = channel.message_type.name if channel else ""
        published = " and ".join(seen.types)
        check = "type_changed" if channel else ""
        if stream.type:
            if seen.types == (stream.type,):
                return True
            problem = f"{stream.topic} is published as {published}, and the profile says {stream.type}"
            remedy = f"Correct streams.{stream.name}.type in the profile, or the publisher."
        elif len(seen.types) > 1:
            remedy = "Stop the publishers of all but one: a bag holds one type for each topic."
            if now in seen.types:
                others = " and ".join(type_ for type_ in seen.types if type_ != now)
                problem = f"{stream.topic} is published as {others} too, and only {now} is recorded"
            else:
                problem = f"{stream.topic} is published with several types, {published}"
        elif channel is None or published == now or moment is not Moment.WITHIN_EPISODE:
            return True
        else:
            problem = f"{stream.topic} was {now} and is now published as {published}"
            remedy = "It is recorded from the next episode on: a bag holds one type for each topic."
        self._complain(stream, problem, remedy, check=check)
        return False

    def _compare_definitions(self, channel: Channel, seen: TopicOnGraph) -> None:
        """Complain of a publisher built with another definition: the bag embeds ours, and readers would misread it."""
        if set(seen.type_hashes) - {channel.message_type.type_hash}:
            name = channel.message_type.name
            self._complain(
                channel.stream,
                f"{channel.stream.topic} is published with another definition of {name} than is installed here",
                f"Install the publisher's version of {name.partition('/')[0]} here too, or readers misread the bag.",
                check="definition_differs",
            )

    def _look_for_unheard(self, channel: Channel, seen: TopicOnGraph, link: Link | None) -> None:
        """Complain of publishers that we do not hear, and of what they had sent before we could hear them."""
        count = len(seen.publishers)
        if link is not None and link.refused_policy and link.publishers is not None and link.publishers < count:
            self._complain(
                channel.stream,
                f"{link.publishers} of {count} publishers of {seen.name} are connected: "
                f"one does not offer the QoS policy {link.refused_policy} that is asked for",
                f"Compare them with 'ros2 topic info -v {seen.name}'.",
                check="publisher_not_heard",
            )
        latched = {publisher for publisher in seen.publishers if publisher.offer.is_latched}
        if channel.is_latched:
            self._heard_latched |= {(seen.name, publisher.gid) for publisher in latched}
        unheard = {publisher.node for publisher in latched if (seen.name, publisher.gid) not in self._heard_latched}
        if unheard:
            self._complain(
                channel.stream,
                f"{seen.name} has latched and volatile publishers: what {' and '.join(sorted(unheard))} sent before "
                "we subscribed is not recorded",
                "Give all publishers of the topic the same durability.",
                check="latched_not_asked_for",
            )

    def _complain(self, stream: Stream, problem: str, remedy: str, *, check: str = "") -> None:
        self._problems[stream.name] = Problem(stream.name, problem, remedy, check)
