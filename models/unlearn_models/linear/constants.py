"""The numbers that the linear learner's arithmetic rests on, in compiled code and without it."""

from __future__ import annotations

from math import factorial

PER_LOG2 = 1.4426950408889634
LOG2_HIGH = 0.6931471803691238  # 33 bits: k * LOG2_HIGH is exact
LOG2_LOW = 1.9082149292705877e-10
EVEN = tuple(1.0 / factorial(n) for n in range(12, -1, -2))
ODD = tuple(1.0 / factorial(n) for n in range(13, 0, -2))
HALVES = tuple(0.5**n for n in range(59))
FARTHEST = 40.0  # beyond, 1 + exp(-x) is 1

# Sums of sizes are kept 2**-40 times too small, so that none is infinite; the longest row has length 8.
SHRINK = 2.0**-40
LONGEST = 8.0**2 * SHRINK
# A scaled value below this counts as absent, so that no squared gradient is ever subnormal.
FAINT = 1e-100
