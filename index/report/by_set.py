"""One line for each test set or group of people, and how far they lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from index.commands.terminal.printing import aligned
