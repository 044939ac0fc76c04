from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.errors import RosError, TypeUnavailableError
from humanoid_recorder.core.graph import Link, PublisherOnGraph, TopicOnGraph
from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.core.qos import Durability, QosOffer, Reliability, is_compatible
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.core.topics import TopicSelection
from humanoid_recorder.recording.channels import FIRST_CHANNEL_ID
from humanoid_recorder.recording.stream_plan import Moment, StreamPlan

STRONG = QosOffer(durability=Durability.TRANSIENT_LOCAL)
WEAK = QosOffer(reliability=Reliability.BEST_EFFORT)
INSTALLED = {"a/msg/A", "b/msg/B"}


def lookup(name: str) -> MessageType:
    if name not in INSTALLED:
        raise TypeUnavailableError(f"{name} is not installed.", remedy="Install it.")
    return MessageType(name, "", "RIHS01_a" if name == "a/msg/A" else "", has_header=False)


def topic(name: str, *publishers: tuple[str, QosOffer]) -> TopicOnGraph:
    return TopicOnGraph(
        name,
        tuple(
            PublisherOnGraph(f"/node{at}", type_, "", offer, gid=bytes([at]))
            for at, (type_, offer) in enumerate(publishers)
        ),
    )


def graph(*topics: TopicOnGraph) -> Mapping[str, TopicOnGraph]:
    return {topic.name: topic for topic in topics}


def plan_of(*streams: Stream, selection: TopicSelection | None = None) -> StreamPlan:
    return StreamPlan(streams=streams, selection=selection or TopicSelection(), lookup=lookup)


EVERYTHING = TopicSelection(everything=True)


def test_a_topic_is_subscribed_when_it_turns_up_and_once() -> None:
    plan = plan_of(Stream("arm", "/arm", "a/msg/A"))
    assert plan.wants("/arm")
    assert not plan.wants("/leg")
    assert plan.update({}) == []
    assert [stream.name for stream in plan.unsubscribed()] == ["arm"]
    seen = graph(topic("/arm", ("a/msg/A", WEAK)))
    (step,) = plan.update(seen)
    assert step.is_new_subscription
    assert (step.channel.id, step.channel.stream.name, step.channel.publishers) == (
        FIRST_CHANNEL_ID,
        "arm",
        ("/node0",),
    )
    assert plan.update(seen) == []
    assert (plan.unsubscribed(), plan.channels(), plan.problems()) == ([], [step.channel], [])


def test_without_a_profile_every_topic_is_a_stream_of_its_own_name_and_type() -> None:
    plan = plan_of(selection=EVERYTHING)
    steps = plan.update(graph(topic("/x", ("a/msg/A", WEAK)), topic("/y", ("b/msg/B", WEAK))))
    assert [(s.channel.stream.name, s.channel.stream.type, s.channel.stream.required) for s in steps] == [
        ("/x", "a/msg/A", False),
        ("/y", "b/msg/B", False),
    ]


def test_a_topic_that_is_both_in_the_profile_and_listed_is_one_stream() -> None:
    plan = plan_of(Stream("arm", "/arm", "a/msg/A"), selection=TopicSelection(topics=frozenset({"/arm", "/listed"})))
    assert [(stream.name, stream.required) for stream in plan.unsubscribed()] == [("arm", False), ("/listed", True)]


def test_a_required_stream_nobody_publishes_is_a_problem_until_somebody_does() -> None:
    plan = plan_of(Stream("arm", "/arm", "a/msg/A", required=True), Stream("leg", "/leg", "a/msg/A"))
    plan.update({})
    (problem,) = plan.problems()
    assert (problem.stream, problem.problem) == ("arm", "nobody publishes /arm")
    plan.update(graph(topic("/arm", ("a/msg/A", WEAK))))
    assert plan.problems() == []


def test_a_publisher_that_left_is_a_problem_but_its_subscription_stays() -> None:
    plan = plan_of(Stream("arm", "/arm", "a/msg/A", required=True))
    plan.update(graph(topic("/arm", ("a/msg/A", WEAK))))
    assert plan.update({}) == []
    (problem,) = plan.problems()
    assert problem.problem == "nobody publishes /arm"
    assert len(plan.channels()) == 1
    assert plan.update(graph(topic("/arm", ("a/msg/A", WEAK)))) == []
    assert plan.problems() == []


def test_a_weaker_publisher_makes_us_ask_for_less_so_that_all_are_heard() -> None:
    plan = plan_of(selection=EVERYTHING)
    (first,) = plan.update(graph(topic("/x", ("a/msg/A", STRONG))))
    assert (first.channel.request.reliability, first.channel.is_latched) == (Reliability.RELIABLE, True)
    (second,) = plan.update(graph(topic("/x", ("a/msg/A", STRONG), ("a/msg/A", WEAK))))
    assert second.is_new_subscription
    assert (second.channel.request.reliability, second.channel.is_latched) == (Reliability.BEST_EFFORT, False)
    assert second.channel.id == first.channel.id


def test_a_stronger_publisher_changes_only_what_is_known() -> None:
    plan = plan_of(selection=EVERYTHING)
    (first,) = plan.update(graph(topic("/x", ("a/msg/A", WEAK))))
    (second,) = plan.update(graph(topic("/x", ("a/msg/A", WEAK), ("a/msg/A", STRONG))))
    assert not second.is_new_subscription
    assert second.channel.request == first.channel.request
    assert (second.channel.offers, second.channel.publishers) == ((WEAK, STRONG), ("/node0", "/node1"))


def test_a_type_other_than_the_profile_s_is_refused_with_both_names() -> None:
    plan = plan_of(Stream("arm", "/arm", "a/msg/A"))
    assert plan.update(graph(topic("/arm", ("b/msg/B", WEAK)))) == []
    (problem,) = plan.problems()
    assert problem.problem == "/arm is published as b/msg/B, and the profile says a/msg/A"
    assert "streams.arm.type" in problem.remedy


def test_two_types_on_one_topic_are_refused() -> None:
    plan = plan_of(selection=EVERYTHING)
    assert plan.update(graph(topic("/x", ("a/msg/A", WEAK), ("b/msg/B", WEAK)))) == []
    (problem,) = plan.problems()
    assert problem.problem == "/x is published with several types, a/msg/A and b/msg/B"


@pytest.mark.parametrize("moment", [Moment.BETWEEN_EPISODES, Moment.AT_START])
def test_a_topic_that_changes_its_type_between_episodes_is_subscribed_anew_in_place_of_the_old_one(
    moment: Moment,
) -> None:
    plan = plan_of(selection=EVERYTHING)
    (old,) = plan.update(graph(topic("/x", ("a/msg/A", WEAK))))
    (new,) = plan.update(graph(topic("/x", ("b/msg/B", WEAK))), moment)
    assert new.is_new_subscription
    assert new.replaces == old.channel.id != new.channel.id
    assert (new.channel.message_type.name, new.channel.stream.type) == ("b/msg/B", "b/msg/B")
    assert (plan.channels(), plan.problems()) == ([new.channel], [])
    (back,) = plan.update(graph(topic("/x", ("a/msg/A", WEAK))), moment)
    assert (back.channel.id, back.replaces) == (old.channel.id, new.channel.id)


def test_a_topic_that_changes_its_type_within_an_episode_keeps_its_channel_until_the_next() -> None:
    plan = plan_of(selection=EVERYTHING)
    (old,) = plan.update(graph(topic("/x", ("a/msg/A", WEAK))))
    seen = graph(topic("/x", ("b/msg/B", WEAK)))
    assert plan.update(seen, Moment.WITHIN_EPISODE) == []
    (problem,) = plan.problems()
    assert (problem.problem, problem.check) == (
        "/x was a/msg/A and is now published as b/msg/B",
        "type_changed",
    )
    assert plan.channels() == [old.channel]
    (new,) = plan.update(seen, Moment.BETWEEN_EPISODES)
    assert new.replaces == old.channel.id


@pytest.mark.parametrize("moment", list(Moment))
def test_a_second_type_beside_the_recorded_one_changes_nothing_and_is_a_problem(moment: Moment) -> None:
    plan = plan_of(selection=EVERYTHING)
    (old,) = plan.update(graph(topic("/x", ("a/msg/A", WEAK))))
    assert plan.update(graph(topic("/x", ("a/msg/A", WEAK), ("b/msg/B", WEAK))), moment) == []
    (problem,) = plan.problems()
    assert problem.problem == "/x is published as b/msg/B too, and only a/msg/A is recorded"
    assert plan.channels() == [old.channel]


def test_a_stream_of_the_profile_keeps_its_type_and_is_back_to_normal_with_it() -> None:
    plan = plan_of(Stream("arm", "/arm", "a/msg/A"))
    (first,) = plan.update(graph(topic("/arm", ("a/msg/A", WEAK))))
    assert plan.update(graph(topic("/arm", ("b/msg/B", WEAK)))) == []
    (problem,) = plan.problems()
    assert problem.problem == "/arm is published as b/msg/B, and the profile says a/msg/A"
    assert plan.update(graph(topic("/arm", ("a/msg/A", WEAK)))) == []
    assert (plan.problems(), plan.channels()) == ([], [first.channel])


def test_when_the_weak_publisher_has_gone_more_is_asked_for_again_but_only_between_episodes() -> None:
    plan = plan_of(selection=EVERYTHING)
    plan.update(graph(topic("/x", ("a/msg/A", STRONG), ("a/msg/A", WEAK))))
    alone = graph(topic("/x", ("a/msg/A", STRONG)))
    for moment in (Moment.WITHIN_EPISODE, Moment.AT_START):
        assert not any(step.is_new_subscription for step in plan.update(alone, moment))
    (raised,) = plan.update(alone, Moment.BETWEEN_EPISODES)
    assert raised.is_new_subscription
    assert raised.replaces is None
    assert (raised.channel.request.reliability, raised.channel.is_latched) == (Reliability.RELIABLE, True)
    assert plan.update(alone, Moment.BETWEEN_EPISODES) == []


def test_a_latched_publisher_beside_a_volatile_one_is_a_problem_if_it_was_never_heard_as_latched() -> None:
    both = graph(topic("/x", ("a/msg/A", STRONG), ("a/msg/A", WEAK)))
    never = plan_of(selection=EVERYTHING)
    never.update(both)
    (problem,) = never.problems()
    assert problem.problem == (
        "/x has latched and volatile publishers: what /node0 sent before we subscribed is not recorded"
    )
    before = plan_of(selection=EVERYTHING)
    before.update(graph(topic("/x", ("a/msg/A", STRONG))))
    before.update(both)
    assert before.problems() == []


def test_a_publisher_that_the_middleware_does_not_connect_is_a_problem_with_the_policy_s_name() -> None:
    plan = plan_of(selection=EVERYTHING)
    seen = graph(topic("/x", ("a/msg/A", WEAK), ("a/msg/A", WEAK)))
    (step,) = plan.update(seen)
    plan.update(seen, links={step.channel.id: Link(publishers=1, refused_policy="OWNERSHIP")})
    (problem,) = plan.problems()
    assert problem.problem == (
        "1 of 2 publishers of /x are connected: one does not offer the QoS policy OWNERSHIP that is asked for"
    )
    stronger = graph(topic("/x", ("a/msg/A", QosOffer()), ("a/msg/A", QosOffer())))
    (raised,) = plan.update(stronger, links={step.channel.id: Link(1, "OWNERSHIP")})
    assert raised.is_new_subscription
    assert plan.problems() == [], "that was told of the subscription before"
    for link in (Link(2, "OWNERSHIP"), Link(1, ""), Link(None, "OWNERSHIP")):
        plan.update(stronger, links={step.channel.id: link})
        assert plan.problems() == []


def announcing(name: str, type_: str, *hashes: str) -> Mapping[str, TopicOnGraph]:
    publishers = (PublisherOnGraph("/node", type_, type_hash, WEAK) for type_hash in hashes)
    return graph(TopicOnGraph(name, tuple(publishers)))


def test_a_publisher_with_another_definition_is_a_problem_for_as_long_as_it_is_there() -> None:
    plan = plan_of(selection=EVERYTHING)
    assert len(plan.update(announcing("/x", "a/msg/A", "RIHS01_a", ""))) == 1
    assert plan.problems() == []
    for _ in range(2):
        plan.update(announcing("/x", "a/msg/A", "RIHS01_a", "RIHS01_other"))
        (problem,) = plan.problems()
        assert problem.problem == "/x is published with another definition of a/msg/A than is installed here"
    plan.update(announcing("/x", "a/msg/A", "RIHS01_a"))
    assert plan.problems() == []


def test_a_hash_that_is_not_installed_is_taken_from_the_publisher() -> None:
    (step,) = plan_of(selection=EVERYTHING).update(announcing("/x", "b/msg/B", "RIHS01_b"))
    assert step.channel.message_type.type_hash == "RIHS01_b"


def test_a_type_that_is_not_installed_is_a_problem_with_its_remedy() -> None:
    plan = plan_of(selection=EVERYTHING)
    assert plan.update(graph(topic("/x", ("c/msg/C", WEAK)))) == []
    (problem,) = plan.problems()
    assert (problem.problem, problem.remedy) == ("c/msg/C is not installed.", "Install it.")


def test_a_subscription_that_fails_is_tried_again_under_the_same_id() -> None:
    plan = plan_of(selection=EVERYTHING)
    seen = graph(topic("/x", ("a/msg/A", WEAK)), topic("/y", ("a/msg/A", WEAK)))
    refused, other = plan.update(seen)
    for _ in range(3):
        plan.refuse(refused.channel, RosError("refused"))
        assert [problem.problem for problem in plan.problems()] == ["refused"]
        assert plan.channels() == [other.channel]
        (again,) = plan.update(seen)
        assert again == refused
    assert plan.problems() == []


def test_a_topic_that_could_not_be_subscribed_gets_a_new_id_with_a_new_type() -> None:
    plan = plan_of(selection=EVERYTHING)
    (refused,) = plan.update(graph(topic("/x", ("a/msg/A", WEAK))))
    plan.refuse(refused.channel, RosError("refused"))
    (again,) = plan.update(graph(topic("/x", ("b/msg/B", WEAK))))
    assert again.channel.id != refused.channel.id


offers = st.sampled_from([STRONG, WEAK, QosOffer()])
seen_topics = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c", "/d"]),
    st.lists(st.tuples(st.sampled_from(["a/msg/A", "a/msg/A", "b/msg/B", "c/msg/C"]), offers), min_size=1, max_size=3),
)


@given(
    turns=st.lists(st.tuples(seen_topics, st.sampled_from(Moment)), max_size=8),
    refusals=st.lists(st.integers(0, 30), max_size=5),
)
def test_ids_are_unique_and_stable_and_every_publisher_of_a_channel_is_heard(
    turns: list[tuple[dict[str, list[tuple[str, QosOffer]]], Moment]], refusals: list[int]
) -> None:
    plan = plan_of(Stream("a", "/a", "a/msg/A", required=True), selection=EVERYTHING)
    ids: dict[tuple[str, str], int] = {}
    step_number = 0
    for turn, moment in turns:
        seen = graph(*(topic(name, *publishers) for name, publishers in turn.items()))
        before = {channel.stream.topic: channel.message_type.name for channel in plan.channels()}
        for step in plan.update(seen, moment):
            key = (step.channel.stream.topic, step.channel.message_type.name)
            assert ids.setdefault(key, step.channel.id) == step.channel.id
            assert all(is_compatible(offer, step.channel.request) for offer in step.channel.offers)
            step_number += 1
            if step.is_new_subscription and step_number in refusals:
                plan.refuse(step.channel, RosError("refused"))
        subscribed = {channel.stream.topic for channel in plan.channels()}
        assert not subscribed & {stream.topic for stream in plan.unsubscribed()}
        complained = {problem.stream for problem in plan.problems()}
        known = {channel.stream.topic: channel.message_type.name for channel in plan.channels()}
        if moment is Moment.WITHIN_EPISODE:
            assert all(known.get(name, type_) == type_ for name, type_ in before.items())
        for name, publishers in turn.items():
            stream_name = "a" if name == "/a" else name
            types = {type_ for type_, _offer in publishers}
            assert stream_name in complained or types == {known[name]}
    assert len(set(ids.values())) == len(ids)
    assert sorted(ids.values()) == list(range(FIRST_CHANNEL_ID, FIRST_CHANNEL_ID + len(ids)))


@pytest.mark.parametrize("rate_hz", [None, 1000.0])
def test_the_depth_follows_the_declared_rate(rate_hz: float | None) -> None:
    plan = plan_of(Stream("arm", "/arm", "a/msg/A", rate_hz=rate_hz))
    (step,) = plan.update(graph(topic("/arm", ("a/msg/A", WEAK))))
    assert step.channel.request.depth == (1000 if rate_hz else 100)
