"""What a recovered episode's ``episode.json`` says: what is known, and that the rest is not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from humanoid_recorder.core.findings import Finding
from humanoid_recorder.core.labels import End
from humanoid_recorder.core.ledger import StreamAccount, Tail
from humanoid_recorder.storage.episode_file import EPISODE_RECORD, EpisodeFile, StopRecord
from humanoid_recorder.storage.mcap_scan_found import FileScan, MessageCount

CHECK = "recovered"
"""Short name of the finding."""
LOSS_UNKNOWN = "recovered: the account of the recording was lost with its end"

_NS_PER_MS = 1_000_000
_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Result:
    """What a recovery made of the file of an episode. Times are log times in ns since the epoch."""

    by_topic: Mapping[str, MessageCount]
    last_ns: int | None
    size_bytes: int
    """Of the new file up to the last message."""
    detail: str
    """What was lost, in words."""


def episode_in(scans: Iterable[FileScan]) -> EpisodeFile | None:
    """Return the record of the episode that is repeated inside its file; None if there is none."""
    for scan in scans:
        for record in reversed(scan.metadata):
            if record.name != EPISODE_RECORD:
                continue
            try:
                return EpisodeFile.model_validate_json(record.metadata.get("episode", ""))
            except ValidationError:
                continue  # an earlier one may be whole
    return None


def counts_by_topic(scans: Iterable[FileScan]) -> dict[str, MessageCount]:
    """Return what was found of each topic; two channels of one topic are taken together."""
    by_topic: dict[str, MessageCount] = {}
    for scan in scans:
        for channel_id, each in scan.usable.items():
            topic = scan.channels[channel_id].topic
            by_topic[topic] = by_topic[topic].merged(each) if topic in by_topic else each
    return by_topic


def recovered_record(file: EpisodeFile, result: Result) -> EpisodeFile:
    """Complete the record of an episode.

    One that had been stopped keeps its end and its account; what has gone from the bag since then is counted as
    dropped. One that was never stopped gets the counts of its bag; what was lost before it is unknown.

    Args:
        file: As it was left.
        result: What the recovery made of its bag.
    """
    ledger = _ledger(file, result.by_topic)
    at_ns = max(file.start.time_ns, result.last_ns or 0)
    lost = [account.lost for account in ledger.values()]
    if file.stop is not None and ledger == file.ledger:
        stop = file.stop
    else:
        said = f"{file.stop.detail} " if file.stop is not None and file.stop.detail else ""
        time_ns = file.stop.time_ns if file.stop is not None else at_ns
        stop = StopRecord(
            time_ns=time_ns,
            end=file.stop.end if file.stop is not None else End.FAULT,
            detail=f"{said}{result.detail}",
            duration_s=(time_ns - file.start.time_ns) / _NS_PER_S,
            messages=sum(account.written for account in ledger.values()),
            bytes=result.size_bytes,
            lost=None if None in lost else sum(count for count in lost if count is not None),
            dropped=sum(account.dropped for account in ledger.values()),
            unknown_tails=tuple(
                name for name, account in ledger.items() if account.received and account.tail is not Tail.CLOSED
            ),
            longest_sync_ms=file.stop.longest_sync_ms if file.stop is not None else 0.0,
            queue_high_water_bytes=file.stop.queue_high_water_bytes if file.stop is not None else 0,
        )
    finding = Finding(at_ns=at_ns, check=CHECK, message=result.detail)
    return file.model_copy(
        update={
            "stop": stop,
            "ledger": ledger,
            "findings": (*file.findings, finding),
            "sha256": {f"{file.id}_0.mcap": None},
        }
    )


def _ledger(file: EpisodeFile, by_topic: Mapping[str, MessageCount]) -> dict[str, StreamAccount]:
    names = {stream.topic: stream.name for stream in (*file.start.streams, *file.streams_joined_later)}
    found = {names.get(topic, topic): count for topic, count in by_topic.items()}
    of_none = dict.fromkeys([*names.values(), *file.ledger], MessageCount())
    known = file.ledger if file.stop is not None else {}
    return {name: _account(known.get(name), count) for name, count in (of_none | found).items()}


def _account(known: StreamAccount | None, count: MessageCount) -> StreamAccount:
    if known is not None:
        missing = known.received + known.latched - count.count
        return replace(known, written=count.count, dropped=max(0, missing))
    return StreamAccount(
        received=count.count,
        latched=0,
        written=count.count,
        dropped=0,
        lost=None,
        lost_reason=LOSS_UNKNOWN,
        unstamped=0,
        bytes=count.payload_bytes,
        publishers=1 if count.count else 0,
        first_ns=count.first_ns,
        last_ns=count.last_ns,
        longest_gap_ns=count.longest_gap_ns,
        longest_gap_at_ns=count.longest_gap_at_ns,
    )


def in_words(scans: Iterable[FileScan]) -> str:
    """Say what a recovery could not bring back."""
    parts: list[str] = []
    for scan in scans:
        inner = scan.damaged_chunks
        if inner:
            spans_ms = sum(hole.span_ns or 0 for hole in scan.holes) / _NS_PER_MS
            parts.append(f"{inner} damaged chunk{'s' * (inner > 1)} within {spans_ms:.0f} ms left out")
        if scan.torn_until_ns is not None:
            parts.append(f"{scan.torn_tail_messages} messages taken out of the torn last chunk")
            if scan.last_ns is not None and scan.torn_until_ns > scan.last_ns:
                parts.append(f"at least the last {(scan.torn_until_ns - scan.last_ns) / _NS_PER_MS:.0f} ms missing")
        if scan.orphans:
            parts.append(f"{scan.orphans} messages left out whose channel is not known")
        if scan.lost_bytes:
            parts.append(f"{scan.lost_bytes} bytes lost")
        if not scan.is_ended:
            parts.append("what had not reached the disk is not known")
    return f"recovered: {'; '.join(parts) or 'nothing is missing'}"
