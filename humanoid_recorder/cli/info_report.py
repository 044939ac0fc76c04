"""What ``humanoid-recorder info`` says of a bag: one model for the terminal and for ``--json``."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from humanoid_recorder.cli.info_models import TIMELINE_PARTS, CountsReport, EpisodeReport, InfoReport, TopicReport
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.ledger import StreamAccount
from humanoid_recorder.core.qos import QosOffer, Reliability
from humanoid_recorder.storage.bag_reader import BagInfo, BagReader, BagTopicInfo
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile, StreamRecord
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


def report_on(path: Path, *, verify: bool) -> InfoReport:
    """Look at a bag; one that cannot be read makes a report that says why.

    Args:
        path: Directory, ``metadata.yaml`` or ``.mcap`` file.
        verify: Also read every message, which compares the checksums of all chunks.
    """
    directory = path if path.is_dir() else path.parent
    try:
        episode = EpisodeFile.read(directory) if (directory / EPISODE_FILE).is_file() else None
        reader = BagReader(path)
        info = reader.summary()
        timelines = _timelines(reader, info)
        disagreements = list(_count_problems(info, episode))
        problems = disagreements + (_read_through(reader, expected=info.message_count) if verify else [])
    except BagReadError as error:
        return _unreadable(path, directory, error)
    if info.path.is_dir() and info.counts_in_metadata is None:
        problems.append("There is no metadata.yaml: rosbag2 will not open the directory before `ros2 bag reindex`.")
    if episode is not None and episode.stop is None:
        problems.append(f"{EPISODE_FILE} was never completed: the episode was not sealed.")
    return InfoReport(
        path=str(info.path),
        readable=True,
        whole=not problems,
        verified=verify,
        problems=tuple(problems),
        files=tuple(file.name for file in info.files),
        size_bytes=info.size_bytes,
        start_ns=info.starting_time_ns,
        duration_s=info.duration_ns / _NS_PER_S,
        messages=info.message_count,
        compression=info.compression,
        ros_distro=info.ros_distro,
        counts=_counts(info, episode, agree=not disagreements),
        episode=_episode(episode),
        topics=tuple(_topic(topic, episode, timelines.get(topic.name, ())) for topic in info.topics),
        definitions={topic.type: topic.definition for topic in info.topics if topic.definition},
    )


def _unreadable(path: Path, directory: Path, error: BagReadError) -> InfoReport:
    message, remedy = error.message, error.remedy
    if directory.name.endswith(UNFINISHED_SUFFIX):
        message = f"{directory} is not sealed: it is still being recorded, or its recording never ended properly."
        remedy = remedy or "If no recorder is running, what reached the disk is in the .mcap file inside."
    try:
        episode = EpisodeFile.read(directory)
    except BagReadError:
        episode = None
    return InfoReport(
        path=str(path),
        readable=False,
        whole=False,
        verified=False,
        problems=(message,),
        remedy=remedy,
        episode=_episode(episode),
    )


def _timelines(reader: BagReader, info: BagInfo) -> dict[str, list[int]]:
    if info.starting_time_ns is None:
        return {}
    return reader.counts_over_time(start_ns=info.starting_time_ns, duration_ns=info.duration_ns, bins=TIMELINE_PARTS)


def _read_through(reader: BagReader, *, expected: int) -> list[str]:
    count = sum(1 for _ in reader.messages())
    return [] if count == expected else [f"The index knows {expected} messages, but {count} are there."]


def _count_problems(info: BagInfo, episode: EpisodeFile | None) -> Iterator[str]:
    """Yield a sentence for every topic that one of the accounts counts differently from the index."""
    counted: dict[str, int] = {}
    for topic in info.topics:
        counted[topic.name] = counted.get(topic.name, 0) + topic.message_count
    accounts = {
        "the statistics of the MCAP file": info.counts_in_statistics,
        "metadata.yaml": info.counts_in_metadata,
        "the ledger": None if episode is None or episode.stop is None else _ledger_counts(episode),
    }
    for name, account in accounts.items():
        for topic_name, count in (account or {}).items():
            if count != counted.get(topic_name, 0):
                yield f"{topic_name}: {counted.get(topic_name, 0)} messages are there, {name} says {count}."
        if account is not None and name != "the ledger":  # the recorder's own event topic has no ledger
            for topic_name in sorted(counted.keys() - account.keys()):
                yield f"{topic_name}: {counted[topic_name]} messages are there, {name} does not name the topic."


def _counts(info: BagInfo, episode: EpisodeFile | None, *, agree: bool) -> CountsReport:
    def total(account: dict[str, int] | None) -> int | None:
        return None if account is None else sum(account.values())

    return CountsReport(
        index=info.message_count,
        statistics=total(info.counts_in_statistics),
        metadata=total(info.counts_in_metadata),
        ledger=None if episode is None or episode.stop is None else total(_ledger_counts(episode)),
        agree=agree,
    )


def _streams(episode: EpisodeFile) -> Iterator[StreamRecord]:
    yield from episode.start.streams
    yield from episode.streams_joined_later


def _ledger_counts(episode: EpisodeFile) -> dict[str, int]:
    topics = {stream.name: stream.topic for stream in _streams(episode)}
    return {topics.get(name, name): account.written for name, account in episode.ledger.items()}


def _episode(episode: EpisodeFile | None) -> EpisodeReport | None:
    if episode is None:
        return None
    stop = episode.stop
    return EpisodeReport(
        id=episode.id,
        session=episode.session,
        robot=episode.start.provenance.robot,
        end=stop.end if stop else None,
        detail=stop.detail if stop else "",
        outcome=episode.outcome,
        labels=episode.labels,
        lost=stop.lost if stop else None,
        dropped=stop.dropped if stop else None,
        findings=episode.findings,
        clock_synchronised=episode.start.provenance.clock_synchronised,
        record=episode,
    )


def _topic(topic: BagTopicInfo, episode: EpisodeFile | None, timeline: Sequence[int]) -> TopicReport:
    stream = next((each for each in _streams(episode) if each.topic == topic.name), None) if episode else None
    ledger: StreamAccount | None = episode.ledger.get(stream.name) if episode and stream else None
    gap_ns = topic.longest_gap_ns
    return TopicReport(
        name=topic.name,
        type=topic.type,
        stream=stream.name if stream else None,
        messages=topic.message_count,
        rate_hz=topic.rate_hz,
        expected_hz=stream.expected_hz if stream else None,
        longest_gap_ms=None if gap_ns is None else gap_ns / _NS_PER_MS,
        lost=ledger.lost if ledger else None,
        lost_reason=ledger.lost_reason if ledger else "there is no ledger",
        head=ledger.head if ledger else None,
        tail=ledger.tail if ledger else None,
        dropped=ledger.dropped if ledger else None,
        qos=tuple(_describe_qos(offer) for offer in topic.offered_qos),
        first_ns=topic.first_log_ns,
        last_ns=topic.last_log_ns,
        has_definition=bool(topic.definition),
        type_hash=topic.type_hash,
        replayed=ledger.latched if ledger else None,
        timeline=tuple(timeline),
    )


def _describe_qos(offer: QosOffer) -> str:
    reliability = "best effort" if offer.reliability is Reliability.BEST_EFFORT else offer.reliability.value
    return f"{reliability}, latched" if offer.is_latched else reliability
