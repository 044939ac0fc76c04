"""Which streams to subscribe to, and how, given what the network shows.

Pure: it looks at the graph and says what to do; the node does it and reports back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from humanoid_recorder.core.errors import TypeUnavailableError
from humanoid_recorder.core.graph import TopicOnGraph
from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.core.qos import adapt_request, is_compatible
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.core.topics import TopicSelection
from humanoid_recorder.recording.channels import FIRST_CHANNEL_ID, Channel


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a stream from being recorded as wanted."""

    stream: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do now."""

    channel: Channel
    is_new_subscription: bool
    """Subscribe (again); otherwise only what is known of the publishers has changed."""


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

    def wants(self, topic: str) -> bool:
        """Whether a topic of the graph concerns us."""
        return topic in self._streams or self._selection.wants(topic)

    def update(self, graph: Mapping[str, TopicOnGraph]) -> list[Step]:
        """Compare with what the network shows.

        Args:
            graph: Every wanted topic that has a publisher.

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
            step = self._present(stream, seen)
            if step is not None:
                self._channels[topic] = step.channel
                steps.append(step)
            if topic in self._channels and stream.name not in self._problems:
                self._compare_definitions(self._channels[topic], seen)
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

    def _present(self, stream: Stream, seen: TopicOnGraph) -> Step | None:
        channel = self._channels.get(stream.topic)
        if not self._type_agrees(stream, channel, seen):
            return None
        if channel is not None:
            if all(is_compatible(offer, channel.request) for offer in seen.offers):
                now = channel.seen_on(seen)
                return None if now == channel else Step(now, is_new_subscription=False)
            # A new publisher offers less than we ask for: asking for less is the only way to hear all of them.
            return Step(
                replace(channel.seen_on(seen), request=adapt_request(seen.offers, rate_hz=stream.rate_hz)),
                is_new_subscription=True,
            )
        try:
            message_type = self._lookup(seen.types[0])
            if not message_type.type_hash:
                message_type = replace(message_type, type_hash=next(iter(seen.type_hashes), ""))
        except TypeUnavailableError as error:
            self._complain(stream, error.message, error.remedy)
            return None
        channel = Channel(
            # The same at every attempt to subscribe, or failing ones would use up the ids of a bag within hours.
            id=self._ids.setdefault((stream.topic, message_type.name), FIRST_CHANNEL_ID + len(self._ids)),
            stream=replace(stream, type=message_type.name),
            message_type=message_type,
            request=adapt_request(seen.offers, rate_hz=stream.rate_hz),
            offers=(),
            publishers=(),
        )
        return Step(channel.seen_on(seen), is_new_subscription=True)

    def _type_agrees(self, stream: Stream, channel: Channel | None, seen: TopicOnGraph) -> bool:
        """Check that one type is published, and the right one."""
        expected = stream.type or (channel.message_type.name if channel else seen.types[0])
        if seen.types == (expected,):
            return True
        published = " and ".join(seen.types)
        if not stream.type and channel is None:
            problem = f"{stream.topic} is published with several types, {published}"
            remedy = "Stop the publishers of all but one: a bag holds one type for each topic."
        elif channel is not None and not stream.type:
            problem = f"{stream.topic} was {expected} and is now published as {published}"
            remedy = "Restart the recorder to record the new type."
        else:
            problem = f"{stream.topic} is published as {published}, and the profile says {expected}"
            remedy = f"Correct streams.{stream.name}.type in the profile, or the publisher."
        self._complain(stream, problem, remedy)
        return False

    def _compare_definitions(self, channel: Channel, seen: TopicOnGraph) -> None:
        """Complain of a publisher built with another definition: the bag embeds ours, and readers would misread it."""
        if set(seen.type_hashes) - {channel.message_type.type_hash}:
            name = channel.message_type.name
            self._complain(
                channel.stream,
                f"{channel.stream.topic} is published with another definition of {name} than is installed here",
                f"Install the publisher's version of {name.partition('/')[0]} here too, or readers misread the bag.",
            )

    def _complain(self, stream: Stream, problem: str, remedy: str) -> None:
        self._problems[stream.name] = Problem(stream.name, problem, remedy)
