"""Only what the manifest records stays in an augmented folder."""

from masking.augment.cleanup import remove_stale_files
from masking.augment.manifest import ManifestRow, MaskedFile


def test_unrecorded_pictures_and_empty_folders_go_and_recorded_ones_stay(tmp_path):
    files = {
        "kept": ("chips/A/1.jpg", "masked/A/1-0.jpg", "report.json", "other/B/1.jpg"),
        "gone": ("chips/B/1.jpg", "masked/A/1-1.jpg", "chips/A/.writing-x"),
    }
    for name in (*files["kept"], *files["gone"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    row = ManifestRow(
        "A/1",
        "A",
        "",
        chip="chips/A/1.jpg",
        masked=[MaskedFile("masked/A/1-0.jpg", [], "correct")],
    )
    assert remove_stale_files(tmp_path, ("chips", "masked"), [row]) == 3
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*")}
    assert left == set(files["kept"])
    assert not (tmp_path / "chips/B").exists()


def test_a_folder_that_was_never_made_is_no_error(tmp_path):
    assert remove_stale_files(tmp_path, ("chips",), []) == 0
