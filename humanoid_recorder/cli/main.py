"""The command ``humanoid-recorder``: collects the verbs, and turns errors into messages and exit codes.

A verb raises HumanoidRecorderError, or ends with ``typer.Exit(code)``. Its module imports what needs ROS inside its
function, so that ``info`` works where ROS is not installed.
"""

import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.markup import escape

from humanoid_recorder.cli.clocks import clocks
from humanoid_recorder.cli.demo import demo
from humanoid_recorder.cli.doctor import doctor
from humanoid_recorder.cli.drill import drill
from humanoid_recorder.cli.frames import frames
from humanoid_recorder.cli.info import info
from humanoid_recorder.cli.play import PLAY_EXAMPLES, PlayCommand, play
from humanoid_recorder.cli.record import EXAMPLES, RecordCommand, record
from humanoid_recorder.cli.recover import recover
from humanoid_recorder.core.errors import HumanoidRecorderError

app = typer.Typer(
    name="humanoid-recorder",
    help="Record what a humanoid does, and play trained policies back on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command(cls=RecordCommand, epilog=EXAMPLES)(record)
app.command(cls=PlayCommand, epilog=PLAY_EXAMPLES)(play)
app.command()(info)
app.command()(frames)
app.command()(clocks)
app.command()(recover)
app.command()(drill)
app.command()(doctor)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: Without the program's name; None for those of the process.

    Returns:
        The exit code: 0 good, 1 the data or the run is bad, 2 usage.
    """
    try:
        app(args=None if arguments is None else list(arguments))
    except HumanoidRecorderError as error:
        errors = Console(stderr=True, soft_wrap=True, highlight=False)
        errors.print(f"[bold red]error:[/] {escape(error.message)}")
        if error.remedy:
            errors.print(f"[bold]what to do:[/] {escape(error.remedy)}")
        return error.exit_code
    except SystemExit as end:  # usage errors, and verbs that end with typer.Exit(code)
        return end.code if isinstance(end.code, int) else 0
    return 0


def main() -> None:
    """Run the process's command line and end the process."""
    sys.exit(run())


if __name__ == "__main__":
    main()
