#!/usr/bin/env python3
"""Golden tables of tests/unit/test_report.c: the study that the test makes up, counted here a second time, with the
formulas of stats.py (50 decimal digits, no statistics library). Writes report/rates.csv and report/fits.csv beside it."""
import contextlib
import io
import math
import os
import sys
from decimal import Decimal as D

sys.dont_write_bytecode = True
with contextlib.redirect_stdout(io.StringIO()):
    import stats

# All fits here have three points: Student's t with one degree of freedom is Cauchy's distribution, in closed form.
stats.t_tail = lambda t, df: D(2 / math.pi * math.atan2(1, float(t)))
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "report")
MODELS = [("small", 1000), ("medium", 8000), ("large", 64000)]
ARMS, CONTEXTS, SUFFIX, ALPHA = ["bare", "knn:lambda=0.5"], [4, 8, 16], 8, 0.05
BUCKETS = [(0, 1, 1, 1), (8, 4, 4, 4), (20, 32, 32, 38)]  # index, duplicates of its first probe, counts of the bucket
MEMBERS, CONTROLS = 12, 8


def hit(m, a, c, b, j, member):
    if member:
        return (j + b * 3) % 12 < 3 * b + m + c + 2 * a
    return j < a + (m + b + c) // 4


def duplicates_mean(b):
    counts = [BUCKETS[b][1] + (j % 7 if b == 2 else 0) for j in range(MEMBERS)]
    return (sum(D(c).ln() for c in counts) / MEMBERS).exp()


def text(value):
    return str(value) if isinstance(value, (int, str)) else "%.15g" % float("%.8e" % value)


def cell(m, a, c, b):
    hits = [hit(m, a, c, b, j, True) for j in range(MEMBERS)]
    return hits, sum(hits), sum(hit(m, a, c, b, j, False) for j in range(CONTROLS))


def effective(hits):
    groups = [(2, sum(hits[j:j + 2])) for j in range(0, MEMBERS, 2)]  # probes 2 i and 2 i + 1 are of one text
    if sum(hits) in (0, MEMBERS):
        return len(groups)
    p, k = D(sum(hits)) / MEMBERS, len(groups)
    between = sum(2 * (D(h) / 2 - p) ** 2 for _, h in groups) / (k - 1)
    within = sum(D(h) * (2 - h) / 2 for _, h in groups) / (MEMBERS - k)
    rho = (between - within) / (between + within)
    return min(max(D(MEMBERS) / (1 + max(rho, D(0))), k), MEMBERS)


def interval(pair, hits, n):
    low, high = pair
    return (D(0) if hits == 0 else low), (D(1) if hits == n else high)


with open(os.path.join(HERE, "rates.csv"), "w") as out:
    print("model,params,arm,context,suffix,bucket,dup_lo,dup_hi,n,n_eff,hits,rate,ci_lo,ci_hi,control_n,control_hits,"
          "control_rate,net,net_lo,net_hi,cp_lo,cp_hi,dup_mean", file=out)
    for m, (model, params) in enumerate(MODELS):
        for a, arm in enumerate(ARMS):
            for c, context in enumerate(CONTEXTS):
                for b, (bucket, _, low, high) in enumerate(BUCKETS):
                    hits, h, k = cell(m, a, c, b)
                    rate, control = D(h) / MEMBERS, D(k) / CONTROLS
                    row = [model, params, arm, context, SUFFIX, bucket, low, high, MEMBERS, effective(hits), h, rate,
                           *interval(stats.wilson(h, MEMBERS, ALPHA), h, MEMBERS), CONTROLS, k, control, rate - control,
                           *stats.newcombe(h, MEMBERS, k, CONTROLS, ALPHA), *stats.clopper_pearson(h, MEMBERS, ALPHA),
                           duplicates_mean(b)]
                    print(",".join(text(v) for v in row), file=out)


def point(x, counts, net):
    y = D(sum(h for _, h, _ in counts)) / (MEMBERS * len(counts))
    if net:
        y -= D(sum(k for _, _, k in counts)) / (CONTROLS * len(counts))
    return D(x).log10(), y


with open(os.path.join(HERE, "fits.csv"), "w") as out:
    print("arm,response,factor,n,intercept,slope,slope_se,ci_lo,ci_hi,r2,p", file=out)
    for a, arm in enumerate(ARMS):
        for net in (0, 1):
            by_size = [point(p, [cell(m, a, 2, b) for b in (1, 2)], net) for m, (_, p) in enumerate(MODELS)]
            by_copies = [point(D(text(duplicates_mean(b))), [cell(2, a, 2, b)], net) for b in range(len(BUCKETS))]
            by_context = [point(t, [cell(2, a, c, b) for b in (1, 2)], net) for c, t in enumerate(CONTEXTS)]
            for factor, points in (("parameters", by_size), ("duplicates", by_copies), ("context", by_context)):
                values = stats.fit([x for x, _ in points], [y for _, y in points], ALPHA)
                if 1 - values[5] < D("1e-12"):  # a line through all points
                    values = (*values[:2], "", "", "", 1, "")
                row = [arm, "net" if net else "rate", factor, len(points), *values]
                print(",".join(text(v) for v in row), file=out)
