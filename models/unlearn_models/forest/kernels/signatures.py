"""How the kernels that grow trees are declared, and what their arguments are.

heap, numbers: see layout;  Columns: what is known of all rows;  Room: what one tree needs while it is worked on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, i32, i64, reads, u64, writes

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

# Plain tuples: machine code is cached under its types, and a class's name in it would have to stay for ever.
Columns = tuple[Words, Ints, Ints, Ints, Words, Ints, Longs, Ints]
"""bits (slots, words), the columns with at most two values;  ids (numeric columns, slots), a value's place in its
column's dictionary;  labels (slots,);  ranks, where each place of a dictionary stands by value;  raw, the dictionaries
one after the other, values as the bits of doubles;  order, their places by value;  places (numeric columns, 2): where
a dictionary starts, and its length;  where (features,): numeric column, or -1 - bit.
"""
Room = tuple[Ints, Ints, Ints, Words, Longs, Floats, Longs, Words]
"""rows, slots permuted in place;  spare, working space for as many;  image, a cache in the making;  words, hashes and
bits of the rows;  tally, counts;  scores, of candidates;  stack and keys, see walk.
"""

HEAP, NUMBERS, BITS, IDS, LABELS = writes(i32), writes(i64), reads(u64, 2), reads(i32, 2), reads(i32)
RANKS, RAW, ORDER, PLACES, WHERE = reads(i32), reads(u64), reads(i32), reads(i64, 2), reads(i32)
ROWS, IMAGE, WORDS, TALLY, SCORES = writes(i32), writes(i32), writes(u64), writes(i64), writes(f64)
STACK, KEYS = writes(i64, 2), writes(u64)

COLUMNS = (BITS, IDS, LABELS, RANKS, RAW, ORDER, PLACES, WHERE)
ROOM = (ROWS, ROWS, IMAGE, WORDS, TALLY, SCORES, STACK, KEYS)

HALF = np.uint64(0xFFFFFFFF)
ZERO, ONE, S32, W63 = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(63)
GATHERED = 64
"""Where the rows' bits begin in words; before them, a sketch's hashes."""
