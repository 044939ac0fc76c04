"""The times of a bag's messages by topic, for alignment: peeked from their bytes, never decoded."""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from humanoid_recorder.core.alignment.offline import StreamTimes
from humanoid_recorder.core.alignment.times import TimeReader
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.bag_reader import BagReader, topic_key

OnProgress = Callable[[int, int], None]
"""Called with how many messages have been read, and how many there are (0 = unknown)."""
ReaderOf = Callable[[str], TimeReader]
"""From a message definition (.msg text) to what reads the time of such messages."""

_MESSAGES_PER_REPORT = 20_000
_SIGNED = 2**63


@dataclass(slots=True)
class _Columns:
    """16 bytes a message, growing."""

    times_ns: "array[int]" = field(default_factory=lambda: array("q"))
    logs_ns: "array[int]" = field(default_factory=lambda: array("q"))

    def finish(self) -> StreamTimes:
        return StreamTimes(np.frombuffer(self.times_ns, np.int64), np.frombuffer(self.logs_ns, np.int64))


def read_times(
    reader: BagReader, topics: Mapping[str, ReaderOf], *, on_progress: OnProgress | None = None
) -> dict[str, StreamTimes]:
    """Read the times of some topics.

    Args:
        reader: The bag.
        topics: What reads the times of each; a topic that the bag does not have gets no times.
        on_progress: Called every now and then.

    Returns:
        By topic, in the order of the files, which is that of acceptance.

    Raises:
        BagReadError: A file is damaged.
    """
    columns = {topic: _Columns() for topic in topics}
    total, done = _count(reader, topics), 0
    for source in reader.sources:
        reading = {}
        for channel_id, channel in source.channels.items():
            if channel.topic in topics:
                schema = source.schema_of(channel)
                definition = schema.data.decode(errors="replace") if schema else ""
                of_topic = columns[channel.topic]
                read = topics[channel.topic](definition)
                reading[channel_id] = (read, of_topic.times_ns.append, of_topic.logs_ns.append)
        if not reading:
            continue
        for channel_id, _sequence, log_ns, publish_ns, data in source.messages(reading.keys()):
            read, add_time, add_log = reading[channel_id]
            if log_ns >= _SIGNED:
                topic = topic_key(source, source.channels[channel_id]).topic
                raise BagReadError(f"{source.path}: a message of {topic} has the log time {log_ns}, which is none.")
            # MCAP's times are unsigned; a sender's clock may be before 1970.
            add_time(read(data, publish_ns if publish_ns < _SIGNED else publish_ns - 2 * _SIGNED, log_ns))
            add_log(log_ns)
            done += 1
            if on_progress is not None and done % _MESSAGES_PER_REPORT == 0:
                on_progress(done, total)
    return {topic: each.finish() for topic, each in columns.items()}


def _count(reader: BagReader, topics: Mapping[str, ReaderOf]) -> int:
    total = 0
    for source in reader.sources:
        counts = source.channel_message_counts
        if counts is None:
            return 0
        total += sum(counts.get(id_, 0) for id_, channel in source.channels.items() if channel.topic in topics)
    return total
