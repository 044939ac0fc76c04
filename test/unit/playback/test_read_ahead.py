"""Reading ahead in a thread."""

import threading
from collections.abc import Iterator

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.playback import read_ahead
from humanoid_recorder.playback.playback import FeedState
from humanoid_recorder.playback.read_ahead import ReadAhead
from humanoid_recorder.playback.timeline import TimedMessage

WAIT_S = 20.0


class Source:
    """Counts up from the position, and notes how far it has been read."""

    def __init__(self, count: int, *, size: int = 10) -> None:
        self.count, self.size = count, size
        self.given = 0
        self.error: Exception | None = None

    def __call__(self, position_ns: int) -> Iterator[TimedMessage]:
        for number in range(position_ns, self.count):
            self.given += 1
            yield TimedMessage(0, number, b"x" * self.size)
        if self.error is not None:
            raise self.error


def drain(feed: ReadAhead, news: threading.Event) -> list[int]:
    found = []
    while True:
        news.clear()
        following = feed.peek()
        if isinstance(following, TimedMessage):
            found.append(following.position_ns)
            feed.pop()
        elif following is FeedState.END:
            return found
        else:
            assert news.wait(WAIT_S)


def test_everything_comes_once_and_in_order_also_after_a_new_beginning() -> None:
    news = threading.Event()
    with ReadAhead(Source(3000), on_news=news.set) as feed:
        feed.begin(0)
        assert drain(feed, news) == list(range(3000))
        feed.begin(2500)
        assert drain(feed, news) == list(range(2500, 3000))


def test_a_new_beginning_in_the_middle_throws_away_what_was_read() -> None:
    news = threading.Event()
    with ReadAhead(Source(100_000), on_news=news.set) as feed:
        for position in (0, 40_000, 99_990):
            feed.begin(position)
            while feed.peek() is FeedState.WAIT:
                assert news.wait(WAIT_S)
                news.clear()
            following = feed.peek()
            assert isinstance(following, TimedMessage)
            assert following.position_ns == position
        assert drain(feed, news) == list(range(99_990, 100_000))


def test_no_more_than_the_bound_is_read_ahead() -> None:
    source, news = Source(100_000, size=100_000), threading.Event()
    with ReadAhead(source, on_news=news.set) as feed:
        feed.begin(0)
        assert news.wait(WAIT_S)
        drained = drain_some(feed, news, 50)
    assert drained == list(range(50))
    most = read_ahead.AHEAD_BYTES // source.size
    assert source.given <= most + 50 + 100


def drain_some(feed: ReadAhead, news: threading.Event, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        following = feed.peek()
        if isinstance(following, TimedMessage):
            found.append(following.position_ns)
            feed.pop()
        else:
            assert news.wait(WAIT_S)
            news.clear()
    return found


def test_an_error_ends_what_there_is_to_play() -> None:
    source, news = Source(10), threading.Event()
    source.error = BagReadError("gone")
    with ReadAhead(source, on_news=news.set) as feed:
        feed.begin(0)
        assert drain(feed, news) == list(range(10))
        assert feed.error is source.error
