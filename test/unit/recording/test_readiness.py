"""When an episode may be started."""

import pytest

from humanoid_recorder.core.graph import PublisherOnGraph, TopicOnGraph
from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.core.topics import TopicSelection
from humanoid_recorder.recording.channels import FIRST_CHANNEL_ID
from humanoid_recorder.recording.line import Activity
from humanoid_recorder.recording.readiness import Readiness, judge_readiness
from humanoid_recorder.recording.stream_plan import StreamPlan

STRING = "std_msgs/msg/String"
NOW_NS = 1_795_160_424_000_000_000
MS = 1_000_000


def plan_of(*streams: Stream, selection: TopicSelection | None = None, published: tuple[str, ...] = ()) -> StreamPlan:
    plan = StreamPlan(
        streams=streams,
        selection=selection or TopicSelection(),
        lookup=lambda name: MessageType(name, "string data\n", "", has_header=False),
    )
    publisher = PublisherOnGraph("/driver", STRING, "", QosOffer())
    plan.update({topic: TopicOnGraph(topic, (publisher,)) for topic in published})
    return plan


def judge(plan: StreamPlan, **ages_ms: float | None) -> Readiness:
    """Judge with the given age of the last message of each topic (without its slash); None = nothing yet."""
    activity = {}
    for channel in plan.channels():
        age_ms = ages_ms.get(channel.stream.topic[1:])
        heard = age_ms is not None
        activity[channel.id] = Activity(int(heard), 0, NOW_NS - round((age_ms or 0) * MS) if heard else None)
    return judge_readiness(plan, activity, now_ns=NOW_NS)


def test_a_required_stream_must_be_published_and_heard() -> None:
    joints = Stream("joints", "/joints", STRING, rate_hz=500, required=True)
    assert judge(plan_of(joints)) == Readiness(("joints",), is_ready=False)
    assert judge(plan_of(joints, published=("/joints",))) == Readiness(("joints",), is_ready=False)
    assert judge(plan_of(joints, published=("/joints",)), joints=2) == Readiness((), is_ready=True)


@pytest.mark.parametrize(
    ("rate_hz", "age_ms", "silent"),
    [(500, 900, False), (500, 1100, True), (2, 2400, False), (2, 2600, True), (None, 3_600_000, False)],
)
def test_a_camera_that_died_after_it_was_heard_is_silent_again(
    rate_hz: float | None, age_ms: float, silent: bool
) -> None:
    camera = Stream("head", "/head", STRING, rate_hz=rate_hz, required=True)
    assert judge(plan_of(camera, published=("/head",)), head=age_ms).silent == (("head",) if silent else ())


def test_event_streams_of_a_profile_never_hold_up_a_start() -> None:
    joy = Stream("joy", "/joy", STRING)
    assert judge(plan_of(joy, published=("/joy",))) == Readiness((), is_ready=True)
    assert not judge(plan_of(joy)).is_ready, "nothing is there to record"


def test_without_a_profile_something_must_have_arrived() -> None:
    everything = TopicSelection(everything=True)
    assert not judge(plan_of(selection=everything)).is_ready
    assert not judge(plan_of(selection=everything, published=("/a", "/b"))).is_ready
    assert judge(plan_of(selection=everything, published=("/a", "/b")), b=0).is_ready


def test_topics_that_are_listed_are_waited_for_each() -> None:
    listed = TopicSelection(topics=frozenset({"/a", "/b"}))
    assert judge(plan_of(selection=listed, published=("/a",)), a=0).silent == ("/b",)
    assert judge(plan_of(selection=listed, published=("/a", "/b")), a=0, b=0) == Readiness((), is_ready=True)


def test_a_stream_that_is_not_required_may_be_silent() -> None:
    head = Stream("head", "/head", STRING, rate_hz=30, required=True)
    hand = Stream("hand", "/hand", STRING, rate_hz=100)
    plan = plan_of(head, hand, published=("/head", "/hand"))
    assert plan.channels()[0].id == FIRST_CHANNEL_ID
    assert judge(plan, head=0) == Readiness((), is_ready=True)
