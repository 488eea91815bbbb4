"""Command line: the group of all commands. Heavy packages load late."""

from __future__ import annotations

import click

from index.commands.app import app_command
from index.commands.augment import augment_command
from index.commands.calibrate import calibrate_command
from index.commands.demo import demo_command
from index.commands.evaluate import embed_command, evaluate_command
from index.commands.export import export_command
from index.commands.fetch import fetch_command
from index.commands.gallery.enroll import enroll_command
from index.commands.gallery.group import gallery_group
from index.commands.identify import identify_command
from index.commands.terminal.options import ToolkitGroup, version_option
from index.commands.terminal.printing import log_to_stderr, quieten_pillow
from index.commands.train import train_command
from index.commands.verify import verify_command

# Here, so that worker processes have it too.
quieten_pillow()


@click.group(cls=ToolkitGroup, context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def main() -> None:
    """Recognise faces that wear masks: augment, train, enroll, identify.

    \b
    The main job, without further arguments:
        python cli.py augment
        python cli.py train
        python cli.py identify masked.jpg
    """
    log_to_stderr()


for command in (
    augment_command,
    train_command,
    fetch_command,
    demo_command,
    enroll_command,
    identify_command,
    verify_command,
    calibrate_command,
    evaluate_command,
    embed_command,
    export_command,
    gallery_group,
    app_command,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
