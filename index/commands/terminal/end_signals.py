"""SIGTERM and SIGHUP end a command like Ctrl-C: what is half done is cleaned up."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Windows has no SIGHUP.
_ENDS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Within it, both signals raise KeyboardInterrupt in the main thread, once.

    What they did before is restored afterwards. One that is ignored stays ignored:
    `nohup` asks for that. Elsewhere than in the main thread nothing is changed,
    since only that one may say what signals do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() != owner:
            # A fork inherited this; whoever started it wants it to end at once.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        # A closed terminal sends several: they must not interrupt the cleaning up.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDS}
    # None is a handler that was not set from Python: it could not be set again.
    kept = (signal.SIG_IGN, None)
    before = {number: old for number, old in before.items() if old not in kept}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
