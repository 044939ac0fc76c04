"""What the network does to a session: channels that end, and losses that the middleware tells of."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel, MakeRig, Rig

JOINTS, CAMERA = 3, 4


def findings(rig: "Rig", episode_id: str) -> list[tuple[str, str]]:
    return [(finding.check, finding.message) for finding in rig.file(episode_id).findings]


def test_a_channel_that_was_given_up_is_in_no_later_episode(rig: "Rig") -> None:
    first = rig.recorder.start()
    rig.deliver(CAMERA, b"seen")
    rig.recorder.stop()
    rig.recorder.intake.forget_channel(CAMERA)
    second = rig.recorder.start()
    rig.deliver(JOINTS, b"moved")
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert [stream.name for stream in rig.file(first.id).start.streams] == ["joints", "head", "robot_description"]
    assert [stream.name for stream in rig.file(second.id).start.streams] == ["joints", "robot_description"]
    assert CAMERA not in rig.recorder.intake.activity()


def test_what_a_pre_roll_holds_of_a_channel_that_was_given_up_is_left_out(
    make_rig: "MakeRig", make_channel: "MakeChannel"
) -> None:
    rig = make_rig(pre_roll_ns=10**10)
    rig.subscribe(make_channel(JOINTS, "joints"), make_channel(CAMERA, "head"))
    rig.deliver(CAMERA, b"of the old type")
    rig.deliver(JOINTS, b"before")
    rig.recorder.intake.forget_channel(CAMERA)
    episode = rig.recorder.start()
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert [bytes(message.data) for message in rig.messages(episode.id)] == [b"before"]


def test_a_finding_is_noted_once_and_without_an_episode_nowhere(rig: "Rig") -> None:
    rig.recorder.note("type_changed", "too early")
    episode = rig.recorder.start()
    for _ in range(2):
        rig.recorder.note("type_changed", "/x was A and is now B")
    rig.recorder.stop()
    rig.recorder.note("type_changed", "too late")
    rig.wait_until_sealed()
    assert findings(rig, episode.id) == [("type_changed", "/x was A and is now B")]


def test_loss_that_only_the_middleware_saw_is_a_finding_of_its_episode_and_of_no_other(rig: "Rig") -> None:
    rig.recorder.intake.middleware_lost(JOINTS, 5)
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.recorder.intake.middleware_lost(JOINTS, 2)
    rig.recorder.intake.middleware_lost(JOINTS, 1)
    rig.recorder.stop()
    following = rig.recorder.start()
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert findings(rig, episode.id) == [
        ("middleware_lost", "the middleware counted 3 lost messages of /joints, and the sequence numbers show 0")
    ]
    assert findings(rig, following.id) == []
    assert rig.recorder.intake.activity()[JOINTS].middleware_lost == 8
