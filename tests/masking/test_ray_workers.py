"""A Ray cluster gives the same results and the same bytes as one process."""

import os
import sys
from dataclasses import replace
from functools import partial

import pytest

from masking.augment.config import AugmentConfig
from masking.augment.stage import augment
from masking.errors import MissingInput
from masking.ray_workers import ray_map
from tests.fakes.drawn_people import DrawnFinder, draw_person

CONFIG = AugmentConfig(variants=1, workers=1)
# Of a cluster that did not start in time.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


class Square:
    def __init__(self, broken=None):
        self.broken = broken

    def __call__(self, number):
        if number == self.broken:
            raise ValueError(f"number {number} is broken")
        return number * number, os.getpid()


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    # The tests' own modules are not installed where the cluster works.
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    options = {
        "num_cpus": 2,
        "include_dashboard": False,
        "log_to_driver": False,
        "runtime_env": {"env_vars": paths},
    }
    try:
        ray.init(**options)
    except Exception:
        # Ray gives its processes 30 seconds to start: few on a busy machine.
        ray.shutdown()
        ray.init(**options)
    yield ray
    ray.shutdown()


def test_results_come_in_the_order_of_the_items(cluster):
    numbers = range(100)  # more than are read ahead
    results = list(ray_map(Square, numbers, 0))
    assert [result for result, _ in results] == [number**2 for number in numbers]
    assert os.getpid() not in {process for _, process in results}
    assert list(ray_map(Square, [], 1)) == []


def test_errors_reach_the_caller(cluster):
    with pytest.raises(ValueError, match="number 3 is broken"):
        list(ray_map(partial(Square, broken=3), range(10), 1))


def test_the_cluster_writes_the_same_bytes_as_one_process(cluster, tmp_path):
    for person in range(3):
        for photo in range(4):
            path = tmp_path / "photos" / str(person) / f"{photo}.png"
            draw_person(path, person + 9, photo, found=(person, photo) != (1, 1))
    made = []
    for name, engine in (("alone", "local"), ("cluster", "ray")):
        out = tmp_path / name
        config = replace(CONFIG, engine=engine)
        report = augment(tmp_path / "photos", out, config, DrawnFinder)
        assert report.faces == 11
        files = (path for path in sorted(out.rglob("*")) if path.is_file())
        made.append({str(p.relative_to(out)): p.read_bytes() for p in files})
    assert made[0] == made[1]
    assert len(made[0]) == 11 * 2 + 3


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingInput, match=r"masked-faces\[ray\]"):
        next(ray_map(Square, [1], 1))
