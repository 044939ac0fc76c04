"""The documentation and the code say the same: links resolve, and nothing that users can name is left out."""

import ast
import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from humanoid_recorder.cli.main import app
from humanoid_recorder.core.ledger import StreamAccount

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "humanoid_recorder"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
RECORDS = sorted((DOCS / "adr").glob("[0-9]*.md"))

_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)


def reference(page: str) -> str:
    return (DOCS / "reference" / page).read_text()


def links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_CODE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:", target):
            yield target


@functools.cache
def anchors(page: Path) -> frozenset[str]:
    """Anchors as GitHub makes them."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.findall(_FENCED.sub("", page.read_text())):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return frozenset(found)


def literal(module: str, name: str) -> ast.expr:
    """Return the value of an assignment in a module that may need ROS to be imported."""
    for node in ast.parse((PACKAGE / module).read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if name in [target.id for target in targets if isinstance(target, ast.Name)]:
            value = getattr(node, "value", None)
            assert isinstance(value, ast.expr)
            return value
    raise AssertionError(f"{module} has no {name}")


def parameters() -> dict[str, object]:
    """Return the recorder's parameters and their defaults."""
    with_default = ast.literal_eval(literal("nodes/recorder_parameters.py", "_PARAMETERS"))
    labels = ast.literal_eval(literal("nodes/recorder_parameters.py", "LABELS"))
    every_node = ast.literal_eval(literal("ros/running.py", "STOP_WITH_PARENT"))
    return (
        {name: default for name, (default, _) in with_default.items()}
        | dict.fromkeys(labels, "")
        | {"topics": "", every_node: 0}
    )


def services() -> tuple[str, ...]:
    commands: tuple[str, ...] = ast.literal_eval(literal("ros/recorder_client.py", "COMMANDS"))
    return commands


def written_default(value: object) -> str:
    if value == "":
        return "empty"
    return str(value).lower() if isinstance(value, bool | int | float) else f"`{value}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in links(page)
        if not target.startswith("#")
    }
    pages = [*DOCS.rglob("*.md"), *DOCS.rglob("*.svg")]
    assert [page for page in pages if page not in linked] == []


def test_the_architecture_lists_exactly_the_modules_there_are() -> None:
    listed, folder = set(), ""
    for line in (DOCS / "explanation" / "architecture.md").read_text().splitlines():
        if entry := re.match(r"  (\w+)/ +\S", line):
            folder = entry[1]
        elif entry := re.match(r"    (\w+\.py) +\S", line):
            listed.add(f"{folder}/{entry[1]}")
    there = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("*/*.py") if path.name != "__init__.py"}
    assert listed == there


@pytest.mark.parametrize("name", sorted(parameters()))
def test_every_parameter_of_the_recorder_is_described_with_its_default(name: str) -> None:
    rows = re.findall(rf"^\| `{name}` \| [\w ]+ \| ([^|]+) \|", reference("recorder.md"), re.MULTILINE)
    assert rows == [written_default(parameters()[name])]


@pytest.mark.parametrize("name", services())
def test_every_service_of_the_recorder_is_described(name: str) -> None:
    assert f"\n| `~/{name}` |" in reference("recorder.md")


def player_parameters() -> dict[str, object]:
    """Return the player's parameters and their defaults."""
    with_default = ast.literal_eval(literal("nodes/player_parameters.py", "_PARAMETERS"))
    lists = ast.literal_eval(literal("nodes/player_parameters.py", "_LISTS"))
    every_node = ast.literal_eval(literal("ros/running.py", "STOP_WITH_PARENT"))
    defaults = {name: default for name, (default, _) in with_default.items()}
    return defaults | dict.fromkeys(lists, "") | {every_node: 0}


def test_every_parameter_of_the_player_is_described_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [\w ]+ \| ([^|]+) \|", reference("player.md"), re.MULTILINE))
    assert rows == {name: written_default(default) for name, default in player_parameters().items()}


def test_every_service_and_every_field_of_the_state_of_the_player_is_described() -> None:
    from humanoid_recorder.playback.state import PlayerState

    commands = ast.literal_eval(literal("ros/player_client.py", "COMMANDS"))
    assert tuple(re.findall(r"^\| `~/(\w+)` \| [a-z]", reference("player.md"), re.MULTILINE)) == commands
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", reference("player.md").split("### The fields of")[1], re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"\w+", row)}
    assert described == set(PlayerState.model_fields)


def test_every_field_of_the_state_is_described() -> None:
    from humanoid_recorder.recording.state import RecorderState

    rows = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", reference("recorder.md").split("### The fields of")[1], re.MULTILINE
    )
    described = {name for row in rows for name in re.findall(r"\w+", row)}
    assert described == set(RecorderState.model_fields)


def test_every_field_of_the_episode_file_and_its_stop_is_described() -> None:
    from humanoid_recorder.storage.episode_file import EpisodeFile, StartRecord, StopRecord

    names = {f"stop.{name}" for name in StopRecord.model_fields} | {
        f"start.{name}" for name in StartRecord.model_fields
    }
    names |= set(EpisodeFile.model_fields) - {"start"}
    section = reference("files.md").split("## `episode.json`")[1].split("\n## ")[0]
    first_cells = " ".join(re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE))
    assert set(re.findall(r"`([\w.]+)`", first_cells)) == names


def test_every_count_of_the_ledger_is_described() -> None:
    first_cells = " ".join(re.findall(r"^\| ([^|]+) \|", reference("ledger.md"), re.MULTILINE))
    assert {field.name for field in dataclasses.fields(StreamAccount)} <= set(re.findall(r"`(\w+)`", first_cells))


def verbs() -> dict[str, list[str]]:
    """Return every verb with its options."""
    group = typer.main.get_command(app)
    commands = getattr(group, "commands", {})
    return {
        name: [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        for name, command in commands.items()
    }


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_is_described_with_its_options(verb: str) -> None:
    section = reference("command-line.md").split(f"\n## {verb}\n")[1].split("\n## ")[0]
    missing = [option for option in verbs()[verb] if option != "--help" and f"`{option}" not in section]
    assert missing == []
    assert f"`humanoid-recorder {verb}`" in (ROOT / "README.md").read_text()


def test_decision_records_are_numbered_without_a_hole_and_listed() -> None:
    assert [record.name[:4] for record in RECORDS] == [f"{number:04d}" for number in range(1, len(RECORDS) + 1)]
    index = (DOCS / "adr" / "README.md").read_text()
    assert [record.name for record in RECORDS if f"[{record.name[:4]}]({record.name})" not in index] == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_every_decision_record_has_the_parts_of_the_template(record: Path) -> None:
    text = record.read_text()
    assert text.startswith(f"# {record.name[:4]}: ")
    assert re.search(
        r"^Status: (proposed|accepted|accepted, not built yet|superseded by \d{4})  \nDate: \d{4}-\d\d-\d\d$",
        text,
        re.MULTILINE,
    )
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences"]
