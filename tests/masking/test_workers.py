"""Results come in the order of the items, whatever and wherever the processes are."""

import itertools
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from masking.augment.config import AugmentConfig
from masking.augment.stage import augment
from masking.errors import MissingInput, ToolkitError
from masking.workers import ordered_map, ray_map, worker_count
from tests.fakes.drawn_people import DrawnFinder, draw_person
from tests.fakes.jobs import Square

CONFIG = AugmentConfig(variants=1, workers=1)


def test_one_and_two_workers_give_the_same_in_the_same_order():
    numbers = range(100)  # more than are read ahead
    alone = list(ordered_map(Square, numbers, 1))
    together = list(ordered_map(Square, numbers, 2))
    expected = [number * number for number in numbers]
    assert [result for result, _ in alone] == expected
    assert [result for result, _ in together] == expected
    assert {process for _, process in alone} == {os.getpid()}
    assert os.getpid() not in {process for _, process in together}


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_reach_the_caller_after_the_results_before_them(workers):
    results = ordered_map(partial(Square, broken=3), range(10), workers)
    assert [result for result, _ in itertools.islice(results, 3)] == [0, 1, 4]
    with pytest.raises(ValueError, match="number 3 is broken"):
        next(results)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_no_items_give_no_results(workers):
    assert list(ordered_map(Square, [], workers)) == []


@pytest.mark.parametrize(("items", "alone"), [(4, True), (5, False)])
def test_few_items_are_not_worth_a_process_unless_it_is_asked_for(
    items, alone, monkeypatch
):
    monkeypatch.setattr("masking.workers.worker_count", lambda asked: asked or 2)
    results = list(ordered_map(Square, range(items), 0))
    assert [result for result, _ in results] == [number**2 for number in range(items)]
    assert ({process for _, process in results} == {os.getpid()}) == alone
    asked = ordered_map(Square, range(2), 2)
    assert os.getpid() not in {process for _, process in asked}


def test_items_may_be_endless():
    read = []

    def numbers():
        for number in itertools.count():
            read.append(number)
            yield number

    results = ordered_map(Square, numbers(), 2)
    assert [result for result, _ in itertools.islice(results, 5)] == [0, 1, 4, 9, 16]
    assert isinstance(results, Generator)
    results.close()
    assert 5 <= len(read) < 200


def test_zero_workers_asks_for_one_a_core():
    assert worker_count(3) == 3
    assert 1 <= worker_count(0) <= os.cpu_count()


SLOW_PARENT = """
import os, time
from functools import partial
from tests.fakes.jobs import Square
from masking.workers import ordered_map

if __name__ == "__main__":
    for _, process in ordered_map(Square, iter(int, 1), 2):
        print(process, flush=True)
        time.sleep(0.05)
"""


def test_workers_leave_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(SLOW_PARENT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    workers = {int(parent.stdout.readline()) for _ in range(10)}
    assert workers and parent.pid not in workers
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(_runs(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)


INTERRUPTED = """
import os, signal, threading, time
from tests.fakes.jobs import Slow
from masking.workers import ordered_map

def interrupt():
    children = f"/proc/self/task/{os.getpid()}/children"
    # The first child watches over shared memory.
    while len(open(children).read().split()) < 3:
        time.sleep(0.01)
    time.sleep(WAIT)
    os.killpg(0, signal.SIGNAL)
    print("interrupted", flush=True)
    time.sleep(1)
    os.killpg(0, signal.SIGKILL)

if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        next(ordered_map(Slow, range(5), 2))
    except KeyboardInterrupt:
        print("caught")
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP"])
@pytest.mark.parametrize("wait", [0.0, 0.1, 0.5])
def test_workers_that_are_starting_do_not_hear_an_interruption(tmp_path, wait, number):
    script = tmp_path / "parent.py"
    code = INTERRUPTED.replace("WAIT", str(wait)).replace("SIGNAL", number)
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert done.stdout == "interrupted\n"
    assert done.stderr == ""


def test_a_killed_worker_is_one_sentence():
    def kill_one():
        (first, *_) = multiprocessing.active_children()
        first.kill()
        return 0

    results = ordered_map(Square, (kill_one() if n == 9 else n for n in range(99)), 2)
    with pytest.raises(ToolkitError, match=r"worker process was killed.*--workers"):
        list(results)


# Ray leaves something open of a cluster that did not start in time.
of_a_slow_cluster = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


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


@of_a_slow_cluster
def test_a_cluster_gives_results_in_the_order_of_the_items(cluster):
    numbers = range(100)  # more than are read ahead
    results = list(ray_map(Square, numbers, 0))
    assert [result for result, _ in results] == [number**2 for number in numbers]
    assert os.getpid() not in {process for _, process in results}
    assert list(ray_map(Square, [], 1)) == []


@of_a_slow_cluster
def test_errors_of_a_cluster_reach_the_caller(cluster):
    with pytest.raises(ValueError, match="number 3 is broken"):
        list(ray_map(partial(Square, broken=3), range(10), 1))


@of_a_slow_cluster
def test_a_cluster_writes_the_same_bytes_as_one_process(cluster, tmp_path):
    for person in range(3):
        for photo in range(4):
            path = tmp_path / "photos" / str(person) / f"{photo}.png"
            draw_person(path, person + 9, photo, found=(person, photo) != (1, 1))
    made = []
    for name in ("alone", "cluster"):
        out = tmp_path / name
        config = replace(CONFIG, ray=name == "cluster")
        report = augment(tmp_path / "photos", out, config, DrawnFinder)
        assert report.faces == 11
        files = (path for path in sorted(out.rglob("*")) if path.is_file())
        made.append({str(p.relative_to(out)): p.read_bytes() for p in files})
    assert made[0] == made[1]
    assert len(made[0]) == 11 * 2 + 3


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingInput, match=r"--ray needs.*\.\[ray\]"):
        next(ray_map(Square, [1], 1))


def _runs(process):
    """Whether a process exists and is no zombie that nobody collects."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")
