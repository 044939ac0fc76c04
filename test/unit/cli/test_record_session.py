from dataclasses import replace
from pathlib import Path

from humanoid_recorder.cli.record_session import EpisodeResult
from humanoid_recorder.core.labels import End, Labels
from humanoid_recorder.core.ledger import StreamAccount
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord, StopRecord, StreamRecord

LEDGER = StreamAccount(
    received=10,
    latched=0,
    written=10,
    dropped=0,
    lost=0,
    lost_reason="",
    unstamped=0,
    bytes=100,
    publishers=1,
    first_ns=1,
    last_ns=2,
    longest_gap_ns=1,
    longest_gap_at_ns=1,
)


def stream(name: str, *, required: bool) -> StreamRecord:
    return StreamRecord(
        name=name,
        topic=f"/{name}",
        type="std_msgs/msg/String",
        kind="other",
        expected_hz=None,
        required=required,
        serial="",
        unit="",
        type_hash="",
        reliability="reliable",
        durability="volatile",
        publishers=(),
    )


def episode(ledger: dict[str, StreamAccount], *, required: bool = True) -> EpisodeFile:
    provenance = ProvenanceRecord(
        robot="g1",
        robot_serial="",
        profile_path="",
        profile_sha256="",
        profile_text="",
        urdf_sha256="",
        host="",
        software={},
        clock_synchronised=None,
    )
    stop = StopRecord(
        time_ns=2,
        end=End.TIMED_OUT,
        detail="too long",
        duration_s=1.0,
        messages=10,
        bytes=100,
        lost=None,
        dropped=2,
        longest_sync_ms=0.0,
        queue_high_water_bytes=0,
    )
    return EpisodeFile(
        id="e1",
        session="s",
        start=StartRecord(
            time_ns=1,
            labels=Labels(),
            streams=tuple(stream(name, required=required) for name in ledger),
            provenance=provenance,
        ),
        stop=stop,
        labels=Labels(),
        ledger=ledger,
    )


def faults(ledger: StreamAccount, *, required: bool = True, optional: frozenset[str] = frozenset()) -> list[str]:
    return EpisodeResult(Path("s/e1"), episode({"joints": ledger}, required=required)).faults(optional=optional)


def test_a_complete_stream_is_no_fault() -> None:
    assert faults(LEDGER) == []


def test_loss_drop_unknown_loss_and_silence_are_faults() -> None:
    lossy = replace(LEDGER, lost=3, dropped=2)
    assert faults(lossy) == ["joints: 3 lost before they reached us, 2 dropped by us"]
    unknown = replace(LEDGER, lost=None, lost_reason="no sequence numbers")
    assert faults(unknown) == ["joints: what was lost is unknown (no sequence numbers)"]
    assert faults(replace(LEDGER, written=0)) == ["joints: nothing was recorded"]


def test_a_stream_that_nobody_named_must_be_complete_but_need_not_speak() -> None:
    assert faults(replace(LEDGER, lost=1), required=False) == ["joints: 1 lost before they reached us"]
    assert faults(replace(LEDGER, written=0), required=False) == []


def test_an_optional_stream_of_the_profile_may_lose_messages() -> None:
    assert faults(replace(LEDGER, lost=1), required=False, optional=frozenset({"joints"})) == []


def test_a_sealed_episode_is_found_also_among_the_discarded(tmp_path: Path) -> None:
    file = episode({})
    for place in ("kept", ".discarded/gone", "broken.unfinished"):
        (tmp_path / place).mkdir(parents=True)
        file.write(tmp_path / place)
    kept, gone = EpisodeResult.find(tmp_path, "kept"), EpisodeResult.find(tmp_path, "gone")
    assert kept is not None
    assert gone is not None
    assert (kept.summary()["discarded"], gone.summary()["discarded"]) == (False, True)
    assert EpisodeResult.find(tmp_path, "broken") is None
    assert [result.path.name for result in EpisodeResult.all_kept(tmp_path)] == ["kept"]


def test_a_result_says_how_the_episode_ended_in_words_and_in_json() -> None:
    result = EpisodeResult(Path("/data/s/e1"), episode({"joints": LEDGER}))
    summary = result.summary()
    assert summary["path"] == "/data/s/e1"
    assert (summary["end"], summary["outcome"], summary["lost"], summary["dropped"]) == (
        "timed_out",
        "unlabelled",
        None,
        2,
    )
    assert result.in_words() == (
        "Sealed: 10 messages in 1.0 s, an unknown number lost, 2 dropped; ended as timed_out: too long"
    )
