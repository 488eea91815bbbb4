"""Makes a trained checkpoint the one that the project ships, in float16.

python -m tools.ship_embedder workspace/models/embedder-....pt
"""

from __future__ import annotations

from pathlib import Path

import click

from training.checkpoint import load_checkpoint, save_checkpoint
from training.latest_model import SHIPPED


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
def main(checkpoint: Path) -> None:
    """Write CHECKPOINT to training/models/embedder.pt, filters in float16."""
    SHIPPED.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(SHIPPED, load_checkpoint(checkpoint), half=True)
    click.echo(f"{SHIPPED}: {SHIPPED.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
