"""From a live episode to the records of its ``episode.json``."""

from collections.abc import Iterable

from humanoid_recorder.core.ledger import StreamAccount, Tail
from humanoid_recorder.recording.channels import EVENTS_CHANNEL_ID, FRAMES_CHANNEL_ID, Channel
from humanoid_recorder.recording.live_episode import LiveEpisode
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord, StopRecord, StreamRecord


def start_record(episode: LiveEpisode, *, session: str, provenance: ProvenanceRecord) -> EpisodeFile:
    """Describe an episode that has just begun."""
    labels = episode.labels
    streams = tuple(_stream(channel) for channel in episode.channels.values())
    start = StartRecord(time_ns=episode.start_ns, labels=labels, streams=streams, provenance=provenance)
    return EpisodeFile(id=episode.id, session=session, start=start, labels=labels)


def stop_record(episode: LiveEpisode, *, queue_high_water_bytes: int) -> EpisodeFile:
    """Complete the record of an episode whose last chunk is on disk, but for what was made of its messages beside.

    Args:
        episode: Begun and stopped; everything has been written or dropped.
        queue_high_water_bytes: How full the queue has been.
    """
    begun, stop = episode.begun, episode.stop
    if begun is None or stop is None:
        raise ValueError(f"episode {episode.id} has not been begun and stopped")
    accounts = episode.accounts()
    at_start = {stream.name for stream in begun.start.streams}
    joined = tuple(_stream(channel) for channel in episode.channels.values() if channel.stream.name not in at_start)
    return begun.model_copy(
        update={
            "stop": StopRecord(
                time_ns=stop.at_ns,
                end=stop.end,
                detail=stop.detail,
                duration_s=(stop.at_ns - episode.start_ns) / 1e9,
                messages=sum(account.written for account in accounts.values()),
                bytes=episode.bag.bytes_written,
                lost=total_lost(accounts.values()),
                dropped=sum(account.dropped for account in accounts.values()),
                unknown_tails=tuple(
                    _account_name(episode, channel_id)
                    for channel_id, account in accounts.items()
                    if account.received and account.tail is not Tail.CLOSED
                ),
                longest_sync_ms=episode.bag.longest_sync_ns / 1e6,
                queue_high_water_bytes=queue_high_water_bytes,
            ),
            "labels": episode.labels,
            "outcome": episode.outcome,
            "ledger": {_account_name(episode, channel_id): account for channel_id, account in accounts.items()},
            "latched": tuple(episode.latched),
            "findings": tuple(episode.findings),
            "streams_joined_later": joined,
            "sha256": {f"{episode.id}_0.mcap": None},
        }
    )


def _account_name(episode: LiveEpisode, channel_id: int) -> str:
    """Return the profile name of a channel's stream, and the topic of our own ones, which have none."""
    own = {EVENTS_CHANNEL_ID: episode.events_topic, FRAMES_CHANNEL_ID: episode.frames_topic}
    return own[channel_id] if channel_id in own else episode.channels[channel_id].stream.name


def total_lost(accounts: Iterable[StreamAccount]) -> int | None:
    """Sum up what was lost before us; None when it is unknown for one stream."""
    lost = [account.lost for account in accounts]
    return None if None in lost else sum(count for count in lost if count is not None)


def _stream(channel: Channel) -> StreamRecord:
    stream = channel.stream
    return StreamRecord(
        name=stream.name,
        topic=stream.topic,
        type=channel.message_type.name,
        kind=stream.kind,
        expected_hz=stream.rate_hz,
        required=stream.required,
        serial=stream.serial,
        unit=stream.unit,
        type_hash=channel.message_type.type_hash,
        reliability=channel.request.reliability,
        durability=channel.request.durability,
        publishers=channel.publishers,
    )
