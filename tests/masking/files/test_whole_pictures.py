"""Pictures whose pixels are fewer, or others, than the header says are refused."""

import io
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.TiffImagePlugin import TiffImageFile

from masking.datasets.images import decode_rgb
from masking.errors import UnreadableImage
from masking.files.whole_pictures import check_png


def noise(mode="RGB", height=90, width=70):
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    rng = np.random.default_rng(4)
    return Pillow.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).convert(mode)


def file_of(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def with_png_size(data, width, height):
    head = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def tags_of(data):
    picture = Pillow.open(io.BytesIO(data))
    assert isinstance(picture, TiffImageFile)
    return picture.tag_v2


def with_tiff_size(data, width, height):
    tags = tags_of(data)
    place = int.from_bytes(data[4:8], "little")
    found = bytearray(data)
    for entry in range(len(tags)):
        start = place + 2 + 12 * entry
        tag = int.from_bytes(data[start : start + 2], "little")
        if tag in (256, 257):
            size = width if tag == 256 else height
            found[start + 2 : start + 12] = struct.pack("<HII", 4, 1, size)
    return bytes(found)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "I;16"])
def test_a_png_with_fewer_rows_than_it_says_is_refused(mode):
    if mode == "I;16":
        values = np.arange(90 * 70, dtype=np.uint16).reshape(90, 70) * 10
        picture = Pillow.fromarray(values)
    else:
        picture = noise("L" if mode == "1" else "RGB").convert(mode)
    whole = file_of(picture, "PNG")
    assert decode_rgb(whole, "a.png").shape == (90, 70, 3)
    assert decode_rgb(with_png_size(whole, 70, 90), "a.png").shape == (90, 70, 3)
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(with_png_size(whole, 70, 91), "a.png")


def interlaced(depth, width, height, missing=0):
    """A PNG of zeros, RGB, in the seven passes that the standard names."""
    total = 0
    # Pixels of each pass in a square of 8: standard, section 8.2.
    for columns, rows in (
        *((range(0, 8, 8), range(0, 8, 8)), (range(4, 8, 8), range(0, 8, 8))),
        *((range(0, 8, 4), range(4, 8, 8)), (range(2, 8, 4), range(0, 8, 4))),
        *((range(0, 8, 2), range(2, 8, 4)), (range(1, 8, 2), range(0, 8, 2))),
        (range(0, 8, 1), range(1, 8, 2)),
    ):
        across = sum(x % 8 in columns for x in range(width))
        down = sum(y % 8 in rows for y in range(height))
        total += down * (1 + across * 3 * depth // 8) if across else 0
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 1)),
        (b"IDAT", zlib.compress(bytes(total - missing))),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c))
        for n, c in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8), (13, 21)])
def test_interlaced_pngs_are_counted_by_pass(size):
    check_png(interlaced(8, *size))
    check_png(interlaced(16, *size))
    assert decode_rgb(interlaced(8, *size), "a.png").shape == (*size[::-1], 3)
    with pytest.raises(ValueError, match="bytes of pixels are there"):
        check_png(interlaced(8, size[0], size[1], missing=1))


@pytest.mark.parametrize("packing", ["raw", "tiff_adobe_deflate", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_tiff_with_fewer_pixels_than_it_says_is_refused(packing, mode):
    whole = file_of(noise().convert(mode), "TIFF", compression=packing)
    assert decode_rgb(whole, "a.tif").shape == (90, 70, 3)
    for size in ((70, 91), (71, 90)):
        with pytest.raises(UnreadableImage, match="damaged"):
            decode_rgb(with_tiff_size(whole, *size), "a.tif")


def test_sixteen_bits_of_a_tiff_are_not_read_beyond_its_end():
    values = np.arange(90 * 70, dtype=np.uint16).reshape(90, 70) * 10
    whole = file_of(Pillow.fromarray(values), "TIFF")
    assert decode_rgb(whole, "a.tif").shape == (90, 70, 3)
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(with_tiff_size(whole, 70, 140), "a.tif")


def test_a_changed_bit_of_a_deflated_tiff_is_refused():
    whole = file_of(noise(), "TIFF", compression="tiff_adobe_deflate")
    start = tags_of(whole)[273][0]
    # Noise is stored as it is: only the checksum behind it can tell.
    changed = bytearray(whole)
    changed[start + 1000] ^= 0x80
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(bytes(changed), "a.tif")


@pytest.mark.parametrize(
    ("compression", "mode"),
    [(1, "RGB"), (8, "RGB"), (8, "L"), (32946, "RGB"), (5, "L")],
)
def test_tiffs_in_many_strips_of_opencv_are_read(compression, mode):
    pixels = np.asarray(noise(mode, 300, 200))
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    options += [cv2.IMWRITE_TIFF_ROWSPERSTRIP, 7]
    data = cv2.imencode(".tif", pixels, options)[1].tobytes()
    shown = decode_rgb(data, "a.tif")
    expected = pixels[:, :, ::-1] if mode == "RGB" else np.dstack([pixels] * 3)
    np.testing.assert_array_equal(shown, expected)


def test_a_large_deflated_tiff_takes_one_piece_at_a_time():
    # 12 MB of one colour in one strip: many full pieces from few bytes.
    pixels = np.full((2000, 2000, 3), 77, dtype=np.uint8)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 8, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 2000]
    data = cv2.imencode(".tif", pixels, options)[1].tobytes()
    assert len(data) < 100_000
    assert (decode_rgb(data, "a.tif") == 77).all()


# Codes that LZW does not have yet; PackBits' for 1,000 bytes in the room of 2,000;
# of JPEG, more blocks than there are.
@pytest.mark.parametrize(
    ("packing", "codes"), [("tiff_lzw", b"\xff"), ("packbits", b"\0"), ("jpeg", b"\0")]
)
def test_damaged_codes_of_a_packed_tiff_are_refused_quietly(packing, codes, capfd):
    whole = file_of(noise(), "TIFF", compression=packing)
    assert decode_rgb(whole, "a.tif").shape == (90, 70, 3)
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(with_tiff_size(whole, 70, 140), "a.tif")
    start = tags_of(whole)[273][0]
    changed = whole[: start + 300] + codes * 2000 + whole[start + 2300 :]
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(changed, "a.tif")
    assert capfd.readouterr() == ("", "")
    print("still there", file=sys.stderr)
    assert capfd.readouterr().err == "still there\n"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("rows", [16, 90])
def test_jpegs_of_another_size_than_a_tiff_says_are_refused(mode, rows):
    options = {"compression": "jpeg", "tiffinfo": {278: rows}}
    whole = file_of(noise().convert(mode), "TIFF", **options)
    assert decode_rgb(whole, "a.tif").shape == (90, 70, 3)
    # Narrower and lower ones would be read, sheared or cut.
    for size in ((35, 90), (70, 60)):
        with pytest.raises(UnreadableImage, match="damaged"):
            decode_rgb(with_tiff_size(whole, *size), "a.tif")


def photo_like(width=120, height=100):
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    waves = [127 + 90 * np.sin(across / w) * np.cos(down / 9) for w in (5, 7, 11)]
    return np.rint(np.dstack(waves)).astype(np.uint8)


def webp(**options):
    picture = Pillow.fromarray(photo_like())
    if options.pop("video", False):
        turned = picture.transpose(Pillow.Transpose.ROTATE_180)
        options |= {"save_all": True, "append_images": [turned]}
    return file_of(picture, "WEBP", **options)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"video": True}])
def test_a_webp_whose_codes_end_in_zeros_is_refused(options):
    whole = webp(**options)
    assert decode_rgb(whole, "a.webp").shape == (100, 120, 3)
    # Behind the header of the first picture.
    start = whole.index(b"VP8")
    size = int.from_bytes(whole[start + 4 : start + 8], "little")
    for kept in (size // 2, size // 4 * 3):
        place = start + 8 + kept
        changed = whole[:place] + bytes(size - kept) + whole[start + 8 + size :]
        assert len(changed) == len(whole)
        with pytest.raises(UnreadableImage, match="damaged"):
            decode_rgb(changed, "a.webp")


def test_changed_bits_of_a_webp_are_refused():
    whole = webp()
    start = whole.index(b"VP8") + 8
    refused = 0
    for place in range(start + 100, start + 500, 20):
        changed = bytearray(whole)
        changed[place] ^= 0x10
        try:
            decode_rgb(bytes(changed), "a.webp")
        except UnreadableImage:
            refused += 1
    # Of 20; a changed bit may by chance mean pixels of as many bits.
    assert refused >= 15


@pytest.mark.parametrize("side", [1, 2, 16, 90])
@pytest.mark.parametrize("quality", [0, 60, 100])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("kind", ["noise", "flat", "half", "alpha"])
def test_whole_webps_are_read(side, quality, lossless, kind):
    pixels = np.asarray(noise("RGB", side, side)).copy()
    if kind != "noise":
        pixels[side // 2 if kind == "half" else 0 :] = 0
    if kind == "alpha":
        pixels = np.dstack([pixels, np.asarray(noise("L", side, side))])
    options = {"quality": quality, "lossless": lossless}
    data = file_of(Pillow.fromarray(pixels), "WEBP", **options)
    assert decode_rgb(data, "a.webp").shape == (side, side, 3)


def test_a_bmp_of_another_size_than_it_says_is_refused():
    whole = file_of(noise(), "BMP")
    assert decode_rgb(whole, "a.bmp").shape == (90, 70, 3)
    assert decode_rgb(whole[:2] + bytes(4) + whole[6:], "a.bmp").shape == (90, 70, 3)
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(whole + b"0", "a.bmp")


def test_a_tiff_whose_second_page_became_zeros_is_refused():
    options = {"save_all": True, "append_images": [noise()]}
    whole = file_of(noise(), "TIFF", **options)
    assert decode_rgb(whole, "a.tif").shape == (90, 70, 3)
    # Its second half is the second page, its header too.
    half = len(whole) // 2
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_rgb(whole[:half] + bytes(len(whole) - half), "a.tif")
