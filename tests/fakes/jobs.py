"""Steps of worker processes, each of which imports this file: it needs no package."""

import os
import time


class Square:
    """Squares numbers, the first ones slowly; `broken` raises."""

    def __init__(self, broken=None):
        self.broken = broken

    def __call__(self, number):
        if number == self.broken:
            raise ValueError(f"number {number} is broken")
        time.sleep(0.02 if number < 3 else 0)
        return number * number, os.getpid()


class Slow:
    """A worker that has just begun to start says so to the test."""

    def __init__(self):
        time.sleep(30)

    def __call__(self, item):
        return item
