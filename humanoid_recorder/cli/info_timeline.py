"""When each topic was heard, as one strip of characters a topic."""

from collections.abc import Sequence
from statistics import median

from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.info_models import TIMELINE_PARTS, InfoReport

_LEVELS = " ▁▂▃▄▅▆▇█"
_SHARES = (1, 2, 3, 4)
"""Neighbouring parts may be joined, so that the strip fits the terminal."""
_FULL = 0.9
"""A part with this share of the usual number of messages, or with one less, is drawn full: parts are never even."""
_NAME_WIDTH = 36


def timeline_table(report: InfoReport, *, width: int) -> Table:
    """Lay out one strip for each topic with messages; ``width`` is that of the terminal."""
    topics = [topic for topic in report.topics if any(topic.timeline)]
    names = min(_NAME_WIDTH, max((len(topic.name) for topic in topics), default=0))
    share = next((s for s in _SHARES if names + 2 + TIMELINE_PARTS // s <= width), _SHARES[-1])
    seconds = (report.duration_s or 0.0) * share / TIMELINE_PARTS
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), title_justify="left")
    table.add_column(f"each mark {seconds:.2g} s", no_wrap=True, width=names, overflow="ellipsis")
    table.add_column(f"0 s{f'{report.duration_s or 0.0:.1f} s':>{TIMELINE_PARTS // share - 3}}", no_wrap=True)
    for topic in topics:
        counts = [sum(topic.timeline[at : at + share]) for at in range(0, TIMELINE_PARTS, share)]
        table.add_row(Text(topic.name, style="cyan"), strip(counts))
    return table


def strip(counts: Sequence[int]) -> Text:
    """Draw the messages in equal parts of time.

    A full block is the usual number, a lower one fewer, a red dot none at all where most parts have some. Where most
    parts have none, a stroke is one that has.
    """
    filled = [count for count in counts if count]
    text = Text()
    if 2 * len(filled) < len(counts):
        return Text("".join("|" if count else "·" for count in counts), style="dim")
    usual = median(filled)
    for count in counts:
        if count:
            level = min(1.0, count / min(_FULL * usual, max(1.0, usual - 1)))
            text.append(_LEVELS[max(1, int(level * (len(_LEVELS) - 1)))], style="green" if level == 1.0 else "yellow")
        else:
            text.append("·", style="bold red")
    return text
