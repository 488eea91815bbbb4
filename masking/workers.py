"""Runs one step on many items in several processes, in order, bounded in memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from masking.errors import ToolkitError

Item = TypeVar("Item")
Result = TypeVar("Result")

_WAITING_PER_WORKER = 32


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
        workers: at most 1 works in this process.

    Raises:
        ToolkitError: the system killed a worker.
    """
    if workers <= 1:
        step = make_step()
        for item in items:
            yield step(item)
        return
    # "spawn": the threads of dlib, OpenCV and torch do not survive a fork.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(make_step,),
    )
    try:
        waiting: deque[Future[Any]] = deque()
        source = iter(items)
        while True:
            room = _WAITING_PER_WORKER * workers - len(waiting)
            for item in islice(source, room):
                with interrupts_held():  # a worker may start with an item
                    waiting.append(pool.submit(_work, item))
            if not waiting:
                return
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ToolkitError(
            "a worker process was killed, most likely because memory ran out. Close "
            "other programs, or run again with fewer --workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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


def local_map(
    make_step: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    workers: int,
) -> Iterator[Result]:
    """`ordered_map` where 0 workers are one a core that this process may use."""
    return ordered_map(make_step, items, worker_count(workers))


_step: Callable[[Any], Any] | None = None


def _start(make_step: Callable[[], Callable[[Any], Any]]) -> None:
    import cv2

    global _step
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # One process a core: threads inside of each would only wait for each other.
    cv2.setNumThreads(1)
    _step = make_step()


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
