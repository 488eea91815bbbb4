"""One loader for every picture: modes, turns, frames and damage."""

import hashlib
import io
import os
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from masking.datasets.images import (
    MAX_BYTES,
    decode_rgb,
    encode_image,
    file_sha256,
    list_images,
    read_bytes,
    read_rgb,
    write_image,
)
from masking.errors import MissingInput, UnreadableImage
from masking.files.writing import write_bytes

RED, GREEN, BLUE = (250, 5, 5), (5, 250, 5), (5, 5, 250)


def saved(path, picture, kind="PNG", **options):
    picture.save(path, kind, **options)
    return path


def flat(colour, mode="RGB", size=(16, 12)):
    return Pillow.new(mode, size, colour)


def assert_flat(pixels, colour, tolerance=0):
    assert pixels.dtype == np.uint8
    assert pixels.shape == (12, 16, 3)
    error = np.abs(pixels.astype(int) - np.array(colour))
    assert error.max() <= tolerance


def test_pixels_arrive_row_by_row_as_rgb(tmp_path):
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    path = saved(tmp_path / "a.png", Pillow.fromarray(pixels))
    np.testing.assert_array_equal(read_rgb(path), pixels)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (100, 0), (0, 0, 0)),
        ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
        # Alpha is laid on black: half of each.
        ("RGBA", (200, 100, 50, 128), (100, 50, 25)),
        ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
    ],
)
def test_modes_of_png(tmp_path, mode, colour, expected):
    path = saved(tmp_path / "a.png", flat(colour, mode))
    assert_flat(read_rgb(path), expected, tolerance=1)


def test_palettes_with_and_without_a_transparent_colour(tmp_path):
    picture = flat(1, "P")
    picture.putpalette([9, 9, 9, *GREEN])
    assert_flat(read_rgb(saved(tmp_path / "a.png", picture)), GREEN)
    clear = saved(tmp_path / "b.png", picture, transparency=1)
    assert_flat(read_rgb(clear), (0, 0, 0))


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("TIFF", ".tif")])
def test_cmyk_is_ink_on_white_paper(tmp_path, kind, suffix):
    white = saved(tmp_path / f"w{suffix}", flat((0, 0, 0, 0), "CMYK"), kind)
    assert_flat(read_rgb(white), (255, 255, 255), tolerance=2)
    # No cyan, all magenta and yellow: red.
    red = saved(tmp_path / f"r{suffix}", flat((0, 255, 255, 0), "CMYK"), kind)
    assert_flat(read_rgb(red), (255, 0, 0), tolerance=4)


def test_sixteen_bits_of_grey_become_eight(tmp_path):
    for name in ("a.png", "a.tif"):
        ramp = np.arange(256, dtype=np.uint16).reshape(16, 16)
        path = tmp_path / name
        Pillow.fromarray(ramp * 257).save(path)
        pixels = read_rgb(path)
        assert pixels.shape == (16, 16, 3)
        np.testing.assert_array_equal(pixels[:, :, 1], ramp)


def test_sixteen_bits_of_colour_become_eight(tmp_path):
    blue_green_red = np.zeros((12, 16, 3), np.uint16)
    blue_green_red[:] = (50 * 257, 100 * 257, 200 * 257)
    assert cv2.imwrite(str(tmp_path / "a.png"), blue_green_red)
    assert_flat(read_rgb(tmp_path / "a.png"), (200, 100, 50))


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda stored: stored),
        (2, lambda stored: stored[:, ::-1]),
        (3, lambda stored: stored[::-1, ::-1]),
        (4, lambda stored: stored[::-1]),
        (5, lambda stored: stored.transpose(1, 0, 2)),
        (6, lambda stored: np.rot90(stored, k=-1)),
        (7, lambda stored: stored[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda stored: np.rot90(stored, k=1)),
    ],
)
def test_exif_says_which_way_is_up(tmp_path, orientation, upright):
    stored = np.arange(3 * 2 * 3, dtype=np.uint8).reshape(3, 2, 3) * 9
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", Pillow.fromarray(stored), exif=exif)
    np.testing.assert_array_equal(read_rgb(path), upright(stored))


def test_the_first_frame_of_an_animation_counts(tmp_path):
    frames = [flat(colour) for colour in (RED, GREEN, BLUE)]
    # WebP content under another name: content decides, not the suffix.
    webp, mpo = tmp_path / "moving.jpg", tmp_path / "several.mpo"
    frames[0].save(webp, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert_flat(read_rgb(webp), RED)
    frames[0].save(mpo, "MPO", save_all=True, append_images=frames[1:], quality=95)
    assert_flat(read_rgb(mpo), RED, tolerance=4)
    for path in (webp, mpo):
        with Pillow.open(path) as picture:
            assert getattr(picture, "n_frames", 1) == 3


def noise_jpeg():
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return encode_image(noise, ".jpg")


def test_a_truncated_jpeg_is_refused(tmp_path):
    whole = noise_jpeg()
    half = whole[: len(whole) // 2]
    assert decode_rgb(whole, "whole.jpg").shape == (64, 64, 3)
    path = tmp_path / "half.jpg"
    path.write_bytes(half)
    with pytest.raises(UnreadableImage, match=r"half\.jpg: the image is damaged"):
        read_rgb(path)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_no_truncated_file_is_read(kind):
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(noise).save(buffer, kind)
    whole = buffer.getvalue()
    assert decode_rgb(whole, "whole").shape == (64, 64, 3)
    for fraction in (0.02, 0.3, 0.9):
        with pytest.raises(UnreadableImage, match="part: "):
            decode_rgb(whole[: int(fraction * len(whole))], "part")


def test_what_is_no_picture_is_refused_in_one_line(tmp_path):
    empty, text = tmp_path / "empty.jpg", tmp_path / "text.jpg"
    empty.write_bytes(b"")
    text.write_text("Dear diary")
    for path, reason in (
        (empty, "the file is empty"),
        (text, "not an image"),
        (tmp_path / "missing.jpg", "cannot be read"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(UnreadableImage, match=reason) as caught:
            read_rgb(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_nothing_is_read_of_what_is_no_regular_file(tmp_path, monkeypatch):
    pipe, link, short = tmp_path / "pipe.jpg", tmp_path / "zero.jpg", Path("s.jpg")
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"read {path}"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short))
        for path, kind in (
            (pipe, "a pipe"),
            (link, "a device"),
            (short, "a device or a socket"),
            (tmp_path, "a folder"),
        ):
            with pytest.raises(UnreadableImage, match=f"cannot be read, it is {kind}"):
                read_rgb(path)


def test_a_file_of_too_many_bytes_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "large.bmp"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room on the disk
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"read {path}"))
    with pytest.raises(UnreadableImage, match="500,000,001 bytes, expected at most"):
        read_rgb(path)


def test_listing_finds_pictures_at_any_depth_and_no_hidden_ones(tmp_path):
    wanted = ["a/b/c/1.JPG", "a/2.png", "a-b/3.webp", "4.tiff", "a/5.jfif", "6.mpo"]
    others = ["a/.5.jpg", ".cache/6.jpg", "a/.writing-x/7.jpg", "a/note.txt", "8"]
    for name in wanted + others:
        path = tmp_path / ".hidden above" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / ".hidden above" / "folder.jpg").mkdir()
    found = list_images(tmp_path / ".hidden above")
    names = [path.relative_to(tmp_path / ".hidden above").as_posix() for path in found]
    assert names == sorted(wanted)


@pytest.mark.parametrize("name", ["1.heic", "2.GIF", "3.dng"])
def test_other_pictures_are_refused_by_their_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert [path.name for path in list_images(tmp_path)] == [name]
    suffix = name[1:].lower()
    with pytest.raises(UnreadableImage, match=rf"{name}: \{suffix} files are not read"):
        read_bytes(tmp_path / name)


def test_listing_nothing_is_an_error(tmp_path):
    with pytest.raises(MissingInput, match="no such folder"):
        list_images(tmp_path / "absent")
    (tmp_path / "note.txt").touch()
    with pytest.raises(MissingInput, match="holds no image"):
        list_images(tmp_path)


def test_png_is_exact_and_jpeg_is_close(tmp_path):
    ramp = np.zeros((32, 32, 3), np.uint8)
    ramp[:, :, 0] = np.arange(32) * 8
    ramp[:, :, 2] = 255 - ramp[:, :, 0]
    write_image(tmp_path / "deep" / "a.png", ramp)
    np.testing.assert_array_equal(read_rgb(tmp_path / "deep" / "a.png"), ramp)
    write_image(tmp_path / "a.jpg", ramp)
    error = np.abs(read_rgb(tmp_path / "a.jpg").astype(int) - ramp)
    assert 0 < error.max() <= 12
    write_image(tmp_path / "grey.png", ramp[:, :, 0])
    np.testing.assert_array_equal(
        read_rgb(tmp_path / "grey.png")[:, :, 1], ramp[..., 0]
    )
    assert len(encode_image(ramp, ".jpg", 30)) < len(encode_image(ramp, ".jpg", 95))
    with pytest.raises(ValueError, match="webp"):
        encode_image(ramp, ".webp")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def no_space(self, target):
        assert self.read_bytes() == b"new"  # complete before it takes the place
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", no_space)
        with pytest.raises(OSError, match="no space"):
            write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_written_files_are_as_readable_as_any_other(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_photograph_is_known_by_its_bytes(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"abc")
    data = read_bytes(tmp_path / "a.jpg")
    assert file_sha256(data) == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(UnreadableImage, match="cannot be read"):
        read_bytes(tmp_path / "b.jpg")


def test_linked_folders_are_searched_once_and_cycles_end(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8)
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for path in (folder / "B" / "1.png", elsewhere / "2.png"):
        write_image(path, pixels)
    (folder / "A").symlink_to(elsewhere)
    (folder / "C").symlink_to(folder / "B")
    (elsewhere / "up").symlink_to(folder)
    (elsewhere / ".hidden").symlink_to(folder / "B")
    found = [path.relative_to(folder).as_posix() for path in list_images(folder)]
    assert found == ["A/2.png", "B/1.png"]


def test_a_failed_write_names_the_file_that_was_wanted(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_bytes(tmp_path / "folder.png", b"x")
    assert caught.value.filename == str(tmp_path / "folder.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
