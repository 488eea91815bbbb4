"""Both ways to align are measured on the same faces, and are not the same."""

import json
import shutil

from click.testing import CliRunner

from benchmarks.recognition.five_points import main
from masking.datasets.sample import sample_people


def test_each_way_has_each_kind_of_pairs(tmp_path, monkeypatch):
    # Processes take longer to start than the photos take.
    monkeypatch.setattr("masking.workers.worker_count", lambda requested: 1)
    for person in sorted(sample_people().iterdir())[:4]:
        (tmp_path / "people" / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:3]:
            shutil.copy(photo, tmp_path / "people" / person.name)
    asked = [str(tmp_path / "people"), "--found-faces", str(tmp_path / "faces")]
    answer = CliRunner().invoke(main, [*asked, "--model", "dlib-masked", "--json"])
    assert answer.exit_code == 0, answer.output
    record = json.loads(answer.stdout)
    assert record["collection"] == "people"
    tar = record["tar_1e3"]
    assert list(tar) == ["landmark model", "five points"]
    for row in tar.values():
        assert list(row) == ["U-U", "M-U", "M-M", "M-C"]
        assert all(0 <= rate <= 1 for rate in row.values())
    assert tar["landmark model"] != tar["five points"]
