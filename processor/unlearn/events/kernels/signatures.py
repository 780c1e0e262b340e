"""What the kernels of this room are handed: the bytes, what a model allows, and where findings are written.

A position is an index into the bytes, and `stop` is the end of a message: nothing at or behind it is read. Kernels that
read a part of a message return the position behind it, and NO where it isn't one that is taken.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, flag, i32, i64, reads, u8, u64, writes

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]

Allowed = tuple[Bytes, Longs, Ints, int, bool]
"""What the model takes: the labels' bytes, one behind the other;  their ends;  their class indices;  the number of
features;  whether values must be counts."""
Contents = tuple[Bytes, Ints, Floats, Longs]
"""Where contents are written: the texts' bytes;  indices and values of features;  how many bytes and how many features
there are already."""

NO: Final = -1
BYTES, FOUND = reads(u8), writes(i64)
ALLOWED = (reads(u8), reads(i64), reads(i32), i64, flag)
CONTENTS = (writes(u8), writes(i32), writes(f64), writes(i64))
PLACE_AND_COUNT = (i64, i64)
PLACE_AND_DIGITS = (i64, u64)
PLACE_AND_VALUE = (i64, f64)

# Which of the counts is which.
N_BYTES: Final = 0
N_FEATURES: Final = 1
N_COUNTS: Final = 2
