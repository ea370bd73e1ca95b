"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable

_FIRST = 0.05
_LONGEST = 10.0


class Backoff:
    """Anything up to a limit that doubles (full jitter), so that many do not come at once. In seconds."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._limit = _FIRST

    def next(self) -> float:
        limit = self._limit
        self._limit = min(2 * limit, _LONGEST)
        return self._uniform(0, limit)

    def reset(self) -> None:
        self._limit = _FIRST
