from typing import TYPE_CHECKING

from humanoid_recorder.core.findings import Finding
from humanoid_recorder.inspection.bag_contents import read_contents
from humanoid_recorder.inspection.event_timeline import LINES_SHOWN, read_timeline

if TYPE_CHECKING:
    from test.unit.inspection.conftest import MakeBag, Messages, Topic

START_NS = 1_795_160_424_000_000_000


def test_events_and_findings_stand_in_the_order_of_their_times(
    make_bag: "MakeBag", topics: dict[str, "Topic"], messages: "Messages"
) -> None:
    topics["/judge/success"] = messages.topic(
        "std_msgs/msg/Bool", messages.flag(False), messages.flag(True), every_s=0.6
    )
    topics["/judge/success"].kind, topics["/judge/success"].name = "event", "success"
    finding = Finding(START_NS + 250_000_000, "clock_step", "the system clock\njumped by 2 s")
    timeline = read_timeline(read_contents(make_bag(topics, profile="", findings=[finding])))
    assert timeline.title == "wipe the table: failure, not sealed (e1)"
    assert [timeline.line(moment) for moment in timeline.moments] == [
        "+0.00 s  success: false",
        "+0.25 s  clock_step: the system clock jumped by 2 s",
        "+0.50 s  mark",
        "+0.60 s  success: true",
    ]
    assert [moment.is_finding for moment in timeline.moments] == [False, True, False, False]


def test_only_the_last_lines_up_to_now_are_shown(make_bag: "MakeBag", messages: "Messages") -> None:
    said = [messages.string(f"event {number}") for number in range(10)]
    contents = read_contents(make_bag({"/events": messages.topic("std_msgs/msg/String", *said)}))
    timeline = read_timeline(contents)
    assert list(timeline.until(0)) == []
    assert [moment.text for moment in timeline.until(START_NS + 150_000_000)] == [
        "/events: event 0",
        "/events: event 1",
    ]
    late = timeline.until(START_NS + 10**10)
    assert len(late) == LINES_SHOWN
    assert late[-1].text == "/events: event 9"
    assert timeline.title == "bag"


def test_long_texts_are_cut_and_a_bag_without_events_has_none(make_bag: "MakeBag", messages: "Messages") -> None:
    said = ["x" * 1000, '{"no": "event"}', '{"event": "%s"}' % ("y" * 1000), "[" * 100_000]
    long = messages.topic("std_msgs/msg/String", *(messages.string(text) for text in said))
    moments = read_timeline(read_contents(make_bag({"/events": long}))).moments
    assert [len(moment.text) for moment in moments] == [100, 24, 100, 100]
    assert moments[1].text == '/events: {"no": "event"}'


def test_a_bag_without_events_has_no_moments(make_bag: "MakeBag", messages: "Messages") -> None:
    pose = messages.topic("geometry_msgs/msg/PoseStamped", messages.pose("world"))
    assert read_timeline(read_contents(make_bag({"/p": pose}))).moments == ()
