"""Loss that the middleware tells of and the sequence numbers do not show."""

from humanoid_recorder.core.findings import Finding
from humanoid_recorder.recording.live_episode import LiveEpisode


def unseen_losses(episode: LiveEpisode) -> list[Finding]:
    """Compare the middleware's count of lost messages with the ledger's.

    The middleware also knows of messages before the first and after the last one that arrived. Its count is no part of
    the ledger: DDS leaves it to each middleware when it is raised, and it may hold losses of just before the start.

    Args:
        episode: Stopped, and its accounts settled.

    Returns:
        One finding for each stream of which more was lost than its ledger shows.
    """
    if episode.stop is None:
        return []
    findings = []
    for channel_id, told in sorted(episode.middleware_lost.items()):
        ledger_lost = episode.account(channel_id).lost
        if ledger_lost is not None and told <= ledger_lost:
            continue
        shown = "the ledger cannot tell" if ledger_lost is None else f"the sequence numbers show {ledger_lost}"
        topic = episode.channels[channel_id].stream.topic
        message = f"the middleware counted {told} lost messages of {topic}, and {shown}"
        findings.append(Finding(episode.stop.at_ns, "middleware_lost", message))
    return findings
