"""Runs one step on many items in several processes, in order, bounded in memory.

The processes are this machine's or those of a Ray cluster. joblib reads items ahead of
a slow consumer without a bound, and its workers outlive a killed parent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from multiprocessing import resource_tracker
from typing import Any, TypeVar
from uuid import uuid4

from masking.errors import MissingInput, ToolkitError

Item = TypeVar("Item")
Result = TypeVar("Result")

_WAITING_PER_WORKER = 32
# So many are done here as soon as by processes, which cost most of a second each to
# start. More would wait: the photo of a phone takes half a second.
_FEW = 4
# A task costs Ray about a millisecond and the step some tens.
_ITEMS_PER_RAY_TASK = 8
_RAY_TASKS_PER_CPU = 4


def worker_count(requested: int) -> int:
    """Processes to use; 0 asks for one a core that this process may use."""
    if requested > 0:
        return requested
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    make_step: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    workers: int,
) -> Iterator[Result]:
    """Results of a step in the order of the items.

    Args:
        make_step: builds the step, once in each process: models are loaded
            there and not sent. Must be picklable.
        items: may be endless; only a few are read ahead.
        workers: 1 works in this process; 0 is one a core that it may use, but this
            process alone for a few items.

    Raises:
        ToolkitError: the system killed a worker.
    """
    items = iter(items)
    if workers == 0:
        first = list(islice(items, _FEW + 1))
        workers = 1 if len(first) <= _FEW else worker_count(0)
        items = chain(first, items)
    if workers == 1:
        yield from map(make_step(), items)
        return
    # "spawn": the threads of dlib, OpenCV and torch do not survive a fork.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(make_step,),
    )

    def submit(item: Item) -> Future[Any]:
        with interrupts_held():  # a worker may start with an item
            return pool.submit(_work, item)

    try:
        room = _WAITING_PER_WORKER * workers
        yield from _in_order(items, submit, Future.result, lambda: room)
    except BrokenProcessPool as error:
        raise ToolkitError(
            "a worker process was killed, most likely because memory ran out. Close "
            "other programs, or run again with fewer --workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    items: Iterable[Any],
    submit: Callable[[Any], Any],
    result: Callable[[Any], Any],
    room: Callable[[], int],
) -> Iterator[Any]:
    """Results in the order of the items, of which at most `room()` are under way."""
    source, waiting = iter(items), deque[Any]()
    while True:
        for item in islice(source, max(0, room() - len(waiting))):
            waiting.append(submit(item))
        if not waiting:
            return
        yield result(waiting.popleft())


@contextmanager
def interrupts_held() -> Iterator[None]:
    """What starts processes in here starts them deaf to Ctrl-C, from the first moment.

    The terminal sends that, and its own end, to all processes, and each would print a
    traceback or seem to be killed. They end when this process, which gets the signal
    after the block, ends them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Python starts this process with the first worker, and lets signals in again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_step: Callable[[Any], Any] | None = None


def _start(make_step: Callable[[], Callable[[Any], Any]]) -> None:
    global _step
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _step = _built(make_step)


def _built(make_step: Callable[[], Callable[[Any], Any]]) -> Callable[[Any], Any]:
    import cv2

    # One process a core: threads inside of each would only wait for each other.
    cv2.setNumThreads(1)
    return make_step()


def _end_with_parent() -> None:
    """Leave when the parent was killed: it could not tell its workers to."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(item: Any) -> Any:
    if _step is None:
        raise RuntimeError("the worker was not started")
    return _step(item)


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
        task = ray.remote(_work_on_ray)
        source = iter(items)
        batches = iter(lambda: list(islice(source, _ITEMS_PER_RAY_TASK)), [])

        def room() -> int:  # asked each time: a cluster may grow
            cpus = int(ray.cluster_resources().get("CPU", 1))
            return workers or _RAY_TASKS_PER_CPU * cpus

        for results in _in_order(batches, partial(task.remote, run), ray.get, room):
            yield from results
    finally:
        if own_connection:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingInput(
            "--ray needs the package ray. In its clone: pip install '.[ray]'"
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


def _work_on_ray(
    run: tuple[str, Callable[[], Callable[[Any], Any]]], batch: list[Any]
) -> list[Any]:
    """Results of a batch; a process builds the step of a run at its first one."""
    name, make_step = run
    if name not in _steps:
        _steps.clear()
        _steps[name] = _built(make_step)
    return [_steps[name](item) for item in batch]
