"""What ``play`` shows."""

import io

import pytest
from rich.console import Console

from humanoid_recorder.cli.play_view import clock, describe_end, describe_problems, render
from humanoid_recorder.cli.record_table import Notice
from humanoid_recorder.playback.state import LeftOutState, LostState, Phase, PlayerState, TimingState, TopicState

TOPIC = TopicState(
    topic="/a", published_as="/a", type="t", reliability="reliable", durability="volatile", depth=10, sent=5
)


def state(**others: object) -> PlayerState:
    values: dict[str, object] = {
        "node": "/player",
        "instance": "x",
        "bag": "/data/session/episode1",
        "phase": Phase.PLAYING,
        "position_s": 12.5,
        "time_ns": 1_795_160_424_444_668_177,
        "start_s": 0.0,
        "end_s": 60.0,
        "rate": 0.5,
        "loop": False,
        "passes": 0,
        "sent": 1234,
        "refused": 0,
        "behind_ms": 0.0,
        "timing": TimingState(messages=9, p50_us=110.0, p99_us=2500.0, max_us=9000.0),
        "unheard": (),
        "topics": (TOPIC,),
        "left_out": (),
        "lost": (),
    }
    return PlayerState.model_validate({**values, **others})


def shown(what: PlayerState | None, *, position_s: float = 12.5, width: int = 90) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(render(what, position_s=position_s, notice=Notice("+5.0 s")))
    return capture.get()


def test_it_shows_where_playing_stands_and_how_it_goes() -> None:
    text = shown(state(), position_s=13.0)
    assert "PLAYING" in text
    assert "x0.5" in text
    assert "00:13.0 " in text
    assert " 01:00.0" in text
    assert "episode1" in text
    assert "1,234 messages on 1 topic, late by 0.11 ms (half), 2.50 (99 %), 9.00 (most)" in text
    assert "+5.0 s" in text


def test_no_line_is_wider_than_the_terminal() -> None:
    left_out = tuple(
        LeftOutState(topic=f"/{n}" * 20, type="t" * 50, reason="r" * 50, is_command=True) for n in range(9)
    )
    text = shown(state(left_out=left_out, loop=True, behind_ms=5000), width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "5 more are not played" in text
    assert len(text.splitlines()) <= 11


def test_before_the_first_word_it_says_that_it_starts() -> None:
    assert "STARTING" in shown(None)


def test_what_is_waited_for_and_what_is_late_is_shown() -> None:
    assert "nobody has subscribed to /a" in shown(state(phase=Phase.WAITING, unheard=("/a",)))
    assert "BEHIND by 1,500 ms" in shown(state(behind_ms=1500.0))


def test_losses_are_told_with_time_and_number() -> None:
    lost = LostState(reason="bag_0.mcap is damaged.", first_ns=10**9, last_ns=2 * 10**9, messages={"/a": 3, "/b": 4})
    (line,) = describe_problems(state(lost=(lost,)))
    assert line.plain == "lost: 7 messages over 1000.0 ms from 00:00:01.000 UTC: bag_0.mcap is damaged."
    unknown = lost.model_copy(update={"messages": None})
    assert "an unknown number of messages" in describe_problems(state(lost=(unknown,)))[0].plain
    assert not state(lost=(lost,)).is_good
    assert describe_problems(state(refused=2, error="gone"))[1].plain == "error: gone"


def test_the_end_says_whether_it_was_reached() -> None:
    assert describe_end(state()).plain.startswith("Stopped at 12.5 s: 1,234 messages on 1 topic, late by")
    done = state(phase=Phase.FINISHED, passes=3, timing=TimingState())
    assert describe_end(done).plain == "Played: 1,234 messages on 1 topic in 3 passes"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "00:00.0"), (75.25, "01:15.2"), (3725.0, "1:02:05.0"), (-1.0, "00:00.0")]
)
def test_positions_are_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
