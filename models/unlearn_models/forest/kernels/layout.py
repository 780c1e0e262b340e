"""The layout of a forest's one int32 heap, and of its vector of numbers.

A node is [FEATURE, THRESHOLD, LEFT, CACHE, BLOCK, ROOM, one row count a class]; siblings lie side by side.
Large inner nodes have a CACHE: the counts of all their candidates.  A subtree below the last of them is a bucket:
its root has a BLOCK with the bucket's rows, ordered so that every node of the bucket has one range of it.
An image is a cache, or the working array that one is made in.
"""

from __future__ import annotations

FEATURE = 0  # -1 = leaf
THRESHOLD = 1  # the value's place in its column's dictionary; 0 for a column of bits
LEFT = 2  # heap index of the left child, 0 = none
CACHE = 3  # heap index, 0 = none, DIRTY = to be rebuilt
BLOCK = 4  # heap index of the rows, 0 = none
ROOM = 5  # how many rows the block can hold
COUNTS = 6
DIRTY = -2

# The cache of a node: header; constant columns that would be chosen if they varied; the binary columns; the sketches.
IMAGE_SIZE = 0
IMAGE_BITS = 1  # binary columns chosen
IMAGE_SKETCHES = 2
IMAGE_CONSTANT = 3  # constant numeric columns that would be chosen if they varied
IMAGE_BEST = 4  # where in the image the best candidate's count of rows on the left is, 0 = not known
IMAGE_STRIDE = 5  # the step from there to its count of each next class
IMAGE_HEADER = 6

SKETCH_FEATURE = 0
SKETCH_COLUMN = 1
SKETCH_LENGTH = 2
SKETCH_ROOM = 3
SKETCH_FLAGS = 4
SKETCH_BOUND = 5  # two ints: every occurring value whose hash is not above it is here
SKETCH_ACTIVE = 7  # two ints: which entries are candidates, a bit each
SKETCH_HEADER = 9
COMPLETE = 1
TOPPED = 2  # the last entry is the node's largest value
STALE = 4  # entries were added or removed since candidates were marked

# Numbers, int64.
N_DEPTH = 0
N_THRESHOLDS = 1
N_FEATURES = 2
N_RANDOM = 3
N_LEAF = 4
N_BUCKET = 5
N_CLASSES = 6
N_WORDS = 8
N_SKETCH = 10
N_LAZY = 11
N_TOP = 12  # first free int of the heap
N_REBUILT = 13  # rows that were scanned again in large nodes or rebuilt, since the start
N_VISITS = 14
N_LIMIT = 15  # caches are made only below this int of the heap
N_FREE = 18  # heads of the free lists, one a size class
SIZE_CLASSES = 216
FEW = 512  # a dictionary of so many values is counted whole even if the node has only half as many rows
N_NEED = N_FREE + SIZE_CLASSES  # rows of the tree that the task works on
NUMBERS = N_NEED + 1

# Tasks for all trees.
GROW = 0
CHANGE = 1
FLUSH = 2
