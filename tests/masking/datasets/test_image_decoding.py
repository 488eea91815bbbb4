"""Every kind of file: damage is told, memory is bounded, brightness is right."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from masking.datasets.images import decode_rgb
from masking.errors import UnreadableImage

ROOT = Path(__file__).resolve().parents[3]
CLOSE = b"\xff\xd9"


def file_of(pixels, kind, **options):
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def opencv_file(values, suffix):
    return cv2.imencode(suffix, values)[1].tobytes()


def noise(height=96, width=96):
    rng = np.random.default_rng(4)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["EPS", "GIF", "PPM", "ICO", "TGA", "PCX", "PDF"])
def test_other_formats_are_not_opened(kind):
    with pytest.raises(UnreadableImage, match="not an image that can be decoded"):
        decode_rgb(file_of(noise(), kind), "a.jpg")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_was_cut_and_closed_again_is_refused(progressive):
    whole = file_of(noise(), "JPEG", quality=90, progressive=progressive)
    assert decode_rgb(whole, "whole.jpg").shape == (96, 96, 3)
    # Each within a scan: a progressive file that ends with one is whole, only coarse.
    for fraction in (0.3, 0.4, 0.5, 0.6, 0.8, 0.95):
        place = int(fraction * len(whole))
        for tail in (b"", bytes(len(whole) - place)):
            with pytest.raises(UnreadableImage, match=r"\.jpg: the image is damaged"):
                decode_rgb(whole[:place] + tail + CLOSE, "cut.jpg")


def test_a_png_with_a_tail_of_zeros_is_refused():
    # Few values: zeros then are codes of pixels, and rows are full before the end.
    whole = file_of(noise() // 64, "PNG")
    assert decode_rgb(whole, "a.png").max() == 3
    for lost in (400, 300, 200, 100, 40, 20):
        with pytest.raises(UnreadableImage, match=r"a\.png: the image is damaged"):
            decode_rgb(whole[:-lost] + bytes(lost), "a.png")


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_few_bits_in_sixteen_is_as_bright_as_of_eight(kind, bits):
    # Black, the middle, white: (2^bits - 1) is white.
    white = 2**bits - 1
    values = np.array([[0, white // 2, white]], np.uint16)
    pixels = decode_rgb(file_of(values, kind), "a")
    assert pixels[0, :, 1].tolist() in ([0, 127, 255], [0, 128, 255])


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_floats_are_scaled_by_the_range_that_holds_them(white):
    values = np.array([[0, 0.2, 0.6, 1]], np.float32) * white
    pixels = decode_rgb(file_of(values, "TIFF"), "a.tif")
    # A fifth of 255 is 51, three fifths are 153.
    assert pixels[0].tolist() == [[v, v, v] for v in (0, 51, 153, 255)]


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.5, np.nan]], np.float32),
        np.array([[0.5, np.inf]], np.float32),
        np.array([[-1, 1]], np.float32),
        np.array([[0, 70_000]], np.int32),
    ],
)
def test_values_that_are_no_brightness_are_refused_in_one_line(values):
    with pytest.raises(UnreadableImage, match=r"a\.tif: its values go from") as caught:
        decode_rgb(file_of(values, "TIFF"), "a.tif")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_colour_tiffs_of_sixteen_bits_keep_their_order_and_brightness(bits):
    white = 2**bits - 1
    blue_green_red = np.array([[[0, white // 5, white]]], np.uint16)
    pixels = decode_rgb(opencv_file(blue_green_red, ".tif"), "a.tif")
    assert pixels.tolist() == [[[255, 51, 0]]]


def test_colour_pngs_that_leave_the_upper_bits_empty_are_refused():
    # Ten bits, of which the upper eight of sixteen hold two.
    dark = np.full((4, 4, 3), 1023, np.uint16)
    with pytest.raises(UnreadableImage, match="Save it with 8 bits"):
        decode_rgb(opencv_file(dark, ".png"), "a.png")
    bright = np.full((4, 4, 3), 200 * 257, np.uint16)
    assert (decode_rgb(opencv_file(bright, ".png"), "a.png") == 200).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "PNG"])
def test_every_kind_is_turned_upright(kind, orientation):
    # Four flat quarters, each at least two JPEG blocks wide.
    quarters = np.array([[40, 90], [150, 220]], np.uint8)
    stored = np.kron(quarters, np.ones((32, 48), np.uint8))
    upright = {
        1: quarters,
        2: quarters[:, ::-1],
        3: quarters[::-1, ::-1],
        4: quarters[::-1],
        5: quarters.T,
        6: np.rot90(quarters, -1),
        7: quarters[::-1, ::-1].T,
        8: np.rot90(quarters),
    }[orientation]
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    pixels = decode_rgb(file_of(np.dstack([stored] * 3), kind, exif=exif), "a")
    height, width = pixels.shape[:2]
    assert (height > width) == (orientation >= 5)
    middles = pixels[height // 4 :: height // 2, width // 4 :: width // 2, 0]
    assert np.abs(middles.astype(int) - upright).max() <= 3


def test_decoders_write_nothing_on_the_terminal(capfd):
    for compression in ("tiff_adobe_deflate", "tiff_lzw", "jpeg"):
        whole = file_of(noise(), "TIFF", compression=compression)
        middle = len(whole) // 2
        # The directory of its tags lies at an end: both are kept.
        for part in (
            whole[:middle] + b"\xff" * 9 + whole[middle + 9 :],
            whole[:middle],
        ):
            try:
                decode_rgb(part, "a.tif")
            except UnreadableImage as error:
                assert str(error).startswith("a.tif: ")
    assert capfd.readouterr() == ("", "")


def test_the_command_line_keeps_pillows_warnings_to_itself():
    # Pillow warns of 90 megapixels; the file is refused because it holds none.
    code = """if True:
        import cli, sys
        from masking.errors import UnreadableImage
        from masking.datasets.images import decode_rgb
        try:
            decode_rgb(sys.stdin.buffer.read(), "large.png")
        except UnreadableImage as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        cwd=ROOT,
        input=png_of(9_500, 9_500),
        capture_output=True,
    )
    assert run.stdout.startswith(b"large.png: the image is damaged")
    assert run.stderr == b""


def png_of(width, height):
    """A PNG that says how large it is and holds almost nothing."""

    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 99)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_600, 13_400, 20_000, 10**6])
def test_a_huge_picture_is_refused_by_its_header(side):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
        with pytest.raises(UnreadableImage, match=r"too large, .* 1\.0 GB"):
            decode_rgb(png_of(side, side), "huge.png")
    # The same file of a size that is allowed fails only when it is decoded.
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(png_of(1000, 1000), "small.png")


def large_files(step=1):
    """Of each kind a picture of six megapixels that hardly takes room in its file.

    With a step both sides are so many times as short.
    """
    grey = np.zeros((2000 // step, 3000 // step), np.uint8)
    grey[::9] = 77
    colour = np.dstack([grey] * 3)
    alpha = np.dstack([colour, grey])
    deep = grey.astype(np.uint16) * 16
    turn = Pillow.Exif()
    turn[0x0112] = 6
    one_strip = {"compression": "tiff_adobe_deflate", "tiffinfo": {278: 2000}}
    yield "JPEG", file_of(colour, "JPEG", subsampling=0, exif=turn)
    yield "progressive", file_of(colour, "JPEG", subsampling=0, progressive=True)
    yield "progressive 4:2:0", file_of(colour, "JPEG", progressive=True)
    ink = io.BytesIO()
    Pillow.fromarray(alpha, "RGBA").convert("RGB").convert("CMYK").save(
        ink, "JPEG", progressive=True, subsampling=0
    )
    yield "progressive CMYK", ink.getvalue()
    palette = io.BytesIO()
    Pillow.fromarray(grey).convert("P").save(palette, "PNG", transparency=9)
    yield "palette", palette.getvalue()
    yield "grey and alpha", file_of(alpha[:, :, 2:].copy(), "PNG", exif=turn)
    yield "RGBA PNG", file_of(alpha, "PNG", exif=turn)
    yield "16-bit grey PNG", file_of(deep, "PNG", exif=turn)
    yield "16-bit PNG", opencv_file(np.dstack([deep * 50] * 3), ".png")
    yield "BMP", file_of(colour, "BMP")
    yield "WebP", file_of(alpha, "WEBP", lossless=True, quality=0, exif=turn)
    yield "TIFF", file_of(colour, "TIFF", **one_strip)
    yield "plain TIFF", file_of(colour, "TIFF", tiffinfo={278: 2000})
    yield "RGBA TIFF", file_of(alpha, "TIFF", exif=turn, **one_strip)
    yield "float TIFF", file_of(grey.astype(np.float32), "TIFF", **one_strip)
    yield "16-bit TIFF", opencv_file(np.dstack([deep] * 3), ".tif")
    yield "16-bit RGBA TIFF", opencv_file(np.dstack([deep] * 4), ".tif")


# Each in a process of its own: the most memory of a process never becomes less.
MEASURE = """
import os, sys
from pathlib import Path
from masking.datasets import images as m

def kilobytes(field):
    text = Path("/proc/self/status").read_text()
    return int(text.split(field + ":")[1].split()[0])

folder = Path(sys.argv[1])
for path in sorted(folder.glob("small *")):
    with m.opened(path.read_bytes()) as picture:
        m._decoding_bytes(picture, path.read_bytes())
    m.decode_rgb(path.read_bytes(), "small")
for path in sorted(folder.glob("large *")):
    if os.fork() == 0:
        before, code = kilobytes("VmRSS"), kilobytes("RssFile")
        data = path.read_bytes()
        with m.opened(data) as picture:
            allowed = len(data) + m._decoding_bytes(picture, data)
        m.decode_rgb(data, "large")
        # Pages of libraries that are read along are no picture's memory.
        code = kilobytes("RssFile") - code
        took = 1024 * (kilobytes("VmHWM") - before - code)
        print(f"{path.name},{took},{allowed:.0f}", flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_no_kind_takes_more_memory_than_is_counted(tmp_path):
    kinds = dict(large_files())
    for kind, data in kinds.items():
        (tmp_path / f"large {kind}").write_bytes(data)
    # What is imported for the first time, and compiled, is no picture's memory.
    for kind, data in large_files(step=100):
        (tmp_path / f"small {kind}").write_bytes(data)
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    rows = [line.split(",") for line in run.stdout.splitlines()]
    assert len(rows) == len(kinds) >= 17, run.stderr
    for kind, took, allowed in rows:
        # At least the (H, W, 3) pixels; 6 MB for a strip and the allocator.
        assert 17e6 < int(took) < int(allowed) + 6e6, kind
