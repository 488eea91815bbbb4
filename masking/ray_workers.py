"""Runs one step on many items on a Ray cluster, in order, bounded in memory."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar
from uuid import uuid4

from masking.errors import MissingInput
from masking.workers import worker_count

Item = TypeVar("Item")
Result = TypeVar("Result")

# A task costs Ray about a millisecond and the step some tens.
_ITEMS_PER_TASK = 8
_WAITING_PER_CPU = 4


def ray_map(
    make_step: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    workers: int,
) -> Iterator[Result]:
    """Results of a step in the order of the items.

    Uses the cluster that RAY_ADDRESS names, or that this process has joined; else
    starts one of this machine's cores. Tasks of a machine that is lost are done
    again elsewhere, so a step must give the same when it is repeated.

    Args:
        make_step: builds the step, once in each process. Must be picklable.
        items: may be endless; only a few are read ahead.
        workers: tasks at a time; 0 keeps the whole cluster busy.

    Raises:
        MissingInput: the package ray is not installed.
    """
    ray = _ray()
    own_connection = not ray.is_initialized()
    if own_connection:
        _connect(ray)
    try:
        run = ray.put((uuid4().hex, make_step))
        yield from _in_order(ray, run, iter(items), workers)
    finally:
        if own_connection:
            ray.shutdown()


def _in_order(
    ray: Any, run: Any, items: Iterator[Item], workers: int
) -> Iterator[Result]:
    task = ray.remote(_work)
    waiting: deque[Any] = deque()
    while True:
        # Asked each time: a cluster may grow.
        cpus = int(ray.cluster_resources().get("CPU", 1))
        for _ in range((workers or _WAITING_PER_CPU * cpus) - len(waiting)):
            batch = list(islice(items, _ITEMS_PER_TASK))
            if not batch:
                break
            waiting.append(task.remote(run, batch))
        if not waiting:
            return
        yield from ray.get(waiting.popleft())


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingInput(
            "--engine ray needs the package ray. Run: pip install 'masked-faces[ray]'"
        ) from error
    return ray


def _connect(ray: Any) -> None:
    """Join the cluster of RAY_ADDRESS, or start one of this machine's cores."""
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False)
        return
    # As this process, its workers import what lies in a clone.
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ray.init(
        num_cpus=worker_count(0),
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": paths},
    )


_steps: dict[str, Callable[[Any], Any]] = {}


def _work(run: tuple[str, Callable[[], Callable[[Any], Any]]], batch: list[Any]) -> Any:
    """Results of a batch; a process builds the step of a run at its first one."""
    import cv2

    name, make_step = run
    if name not in _steps:
        # One process a core: threads inside of each would only wait for each other.
        cv2.setNumThreads(1)
        _steps.clear()
        _steps[name] = make_step()
    return [_steps[name](item) for item in batch]
