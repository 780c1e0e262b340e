"""The other side of `forest_dare`: dare_rf, driven by lines of JSON.  Run by the peer's Python, without this package.

Arguments: a .npz with x (n, features), y (n,) and the numbers of trees, depth, thresholds and features; and a folder
to import dare from, if it is not installed.  A line asks, a line answers; times are CPU seconds.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

import numpy as np


class Side:
    def __init__(self, path: str, forest: Any) -> None:
        held = np.load(path)
        self.x, self.y = held["x"].astype(np.float32), held["y"].astype(np.int32)
        self.settings = dict(
            zip(("n_estimators", "max_depth", "k", "max_features"), held["settings"].tolist(), strict=False)
        )
        self.forest = forest
        self.model: Any = None

    def waits(self) -> bool:
        return True

    def build(self, rows: list[int], seed: int) -> float:
        x, y = self.x[rows], self.y[rows]
        self.model = None
        model = self.forest(random_state=seed, **self.settings)
        took = seconds(lambda: model.fit(x, y))
        self.model = model
        return took

    def delete(self, places: list[list[int]]) -> list[float]:
        """One deletion after another, each of the rows at these places of what was built."""
        gone = [np.array(one, np.int32) for one in places]
        gc.collect()
        return [seconds(lambda one=one: self.model.delete(one)) for one in gone]

    def right(self, rows: list[int]) -> float:
        return float((self.model.predict(self.x[rows]) == self.y[rows]).mean())

    def counted_bytes(self) -> int:
        """By its own count."""
        return int(sum(self.model.get_memory_usage()))


def seconds(call: Any) -> float:
    gc.disable()
    began = time.process_time()
    call()
    took = time.process_time() - began
    gc.enable()
    return took


def main() -> None:
    sys.path[:0] = sys.argv[2:]
    from dare import Forest  # type: ignore[import-not-found]

    side = Side(sys.argv[1], Forest)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(side, name)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
