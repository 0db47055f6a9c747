"""Write moons.csv: two half circles, one in the other, which no line separates.

Row i, from 0 to 199, is on the upper moon if i is even: (cos t, sin t) with t = pi·k/99, where k is
half of i, rounded down. The lower one is (1 - cos t, 1/2 - sin t). To both coordinates noise is
added: Python's `random.Random(1).gauss(0, 0.1)`, first for x1, then for x2. All is rounded to four
decimals.
"""

import csv
import math
import random
import sys

noise = random.Random(1)  # noqa: S311 - noise
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["x1", "x2", "moon"])
for i in range(200):
    t = math.pi * (i // 2) / 99
    upper = i % 2 == 0
    x1, x2 = (math.cos(t), math.sin(t)) if upper else (1 - math.cos(t), 0.5 - math.sin(t))
    x1, x2 = (round(x + noise.gauss(0, 0.1), 4) for x in (x1, x2))
    out.writerow([x1, x2, "upper" if upper else "lower"])
