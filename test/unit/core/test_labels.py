from humanoid_recorder.core.labels import Labels


def test_all_labels_but_the_reason_stay_for_the_next_episode() -> None:
    labels = Labels(task="carry", prompt="carry the tray", operator="ana", scene="kitchen", reason="spilled")
    assert labels.for_new_episode() == Labels(
        task="carry", prompt="carry the tray", operator="ana", scene="kitchen", reason=""
    )
