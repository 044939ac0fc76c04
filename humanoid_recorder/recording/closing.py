"""An episode between its stop and its seal: its last messages may be on their way still."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress

from humanoid_recorder.core.ledger import TAIL_NS
from humanoid_recorder.core.samples import Arrival, Sample
from humanoid_recorder.recording.live_episode import LiveEpisode

GIVE_UP_NS = 2_000_000_000


@dataclass(slots=True)
class ClosingEpisode:
    """Waits until what was received before the stop has been delivered, and until every publisher was heard again.

    Then nothing of it can be missing unseen. The second is waited for 100 ms at most. The first takes longer only where
    the machine is overloaded, and is given up after two seconds. A message that the middleware received before the stop
    and delivers only now, because it had to wait for a repeated one, is still of the episode.
    """

    episode: LiveEpisode
    stop_ns: int
    """Log time of the stop, ns since the epoch."""
    on_end: Callable[[], None]
    """To be done behind the last message."""
    ended: threading.Event = field(default_factory=threading.Event)

    def take(self, channel_id: int, arrivals: Sequence[Arrival], samples: Sequence[Sample]) -> Sequence[Sample]:
        """Account for messages delivered after the stop and return those that belong to the episode."""
        ledger = self.episode.ledgers.get(channel_id)
        if ledger is None:  # a stream that has turned up since
            return ()
        first_ns, stop_ns = self.episode.first_ns, self.stop_ns
        is_mine = [first_ns <= sample.log_ns <= stop_ns for sample in samples]
        mine: Sequence[Sample] = ()
        if any(is_mine):
            mine = ledger.account(list(compress(arrivals, is_mine)), list(compress(samples, is_mine)))
        ledger.close_tail([a for a, sample in zip(arrivals, samples, strict=True) if sample.log_ns > stop_ns])
        return mine

    def is_over(self, *, now_ns: int, delivered_until_ns: int) -> bool:
        """Whether there is nothing more to wait for.

        Args:
            now_ns: Log time.
            delivered_until_ns: Everything received up to then has been delivered, by log time.
        """
        if now_ns >= self.stop_ns + GIVE_UP_NS:
            return True
        if delivered_until_ns < self.stop_ns:
            return False
        if now_ns >= self.stop_ns + TAIL_NS:
            return True
        return not any(ledger.has_open_tail for ledger in self.episode.ledgers.values())
