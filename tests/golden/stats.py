#!/usr/bin/env python3
"""Golden values of tests/unit/test_stats.c, from the definitions, in 50 decimal digits and without any statistics
library: Clopper-Pearson by bisection on exact binomial tails, Wilson and Newcombe from their formulas, the line fit from
its normal equations with Student's t by numerical integration, the effective n from the ANOVA table. Prints C rows."""
from decimal import Decimal as D, getcontext
from math import comb, lgamma
from statistics import NormalDist

getcontext().prec = 50
Z = {0.05: D("1.95996398454005423552459443052055152795555007786954839847694749")}  # known constant
Z[0.01] = D("2.57582930354890076100251106491254155867546872711022012450447785")
assert all(abs(NormalDist().inv_cdf(1 - a / 2) - float(z)) < 1e-14 for a, z in Z.items())


def tail(hits, n, p, upper):
    """P(X >= hits) or P(X <= hits) of a binomial."""
    ks = range(hits, n + 1) if upper else range(0, hits + 1)
    return sum(D(comb(n, k)) * p**k * (1 - p) ** (n - k) for k in ks)


def bisect(f):
    low, high = D(0), D(1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) else (low, middle)
    return low


def clopper_pearson(hits, n, alpha):
    a = D(str(alpha)) / 2
    low = D(0) if hits == 0 else bisect(lambda p: tail(hits, n, p, True) < a)
    high = D(1) if hits == n else bisect(lambda p: tail(hits, n, p, False) > a)
    return low, high


def wilson(hits, n, alpha):
    z = Z[alpha]
    p = D(hits) / n
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)).sqrt()
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def newcombe(h1, n1, h2, n2, alpha):
    (l1, u1), (l2, u2) = wilson(h1, n1, alpha), wilson(h2, n2, alpha)
    p1, p2 = D(h1) / n1, D(h2) / n2
    return (p1 - p2 - ((p1 - l1) ** 2 + (u2 - p2) ** 2).sqrt(), p1 - p2 + ((u1 - p1) ** 2 + (p2 - l2) ** 2).sqrt())


def t_tail(t, df):
    """P(|T| > t): Simpson's rule on x = t / u, u in (0, 1]."""
    c = D(lgamma((df + 1) / 2) - lgamma(df / 2)).exp() / (D(df) * D("3.14159265358979323846264338327950288")).sqrt()

    def f(u):
        if u == 0:
            return D(0)
        x = t / u
        base = 1 + x * x / df
        return c / (base ** ((df + 1) // 2) * (base.sqrt() if (df + 1) % 2 else 1)) * t / (u * u)

    steps = 2000
    total = f(D(0)) + f(D(1))
    for i in range(1, steps):
        total += f(D(i) / steps) * (4 if i % 2 else 2)
    return 2 * total / (3 * steps)


def fit(x, y, alpha):
    n = len(x)
    mx, my = sum(x) / n, sum(y) / n
    sxx, syy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    sxy = sum((a - mx) * (b - my) for a, b in zip(x, y))
    slope = sxy / sxx
    rss = syy - slope * sxy
    se = (rss / (n - 2) / sxx).sqrt()
    low, high = D(0), D(100)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, n - 2) > D(str(alpha)) else (low, middle)
    return my - slope * mx, slope, se, slope - low * se, slope + low * se, 1 - rss / syy, t_tail(abs(slope / se), n - 2)


def effective_n(groups):
    """groups: (size, hits) of each cluster."""
    k, n, hits = len(groups), sum(m for m, _ in groups), sum(h for _, h in groups)
    p = D(hits) / n
    msb = sum(m * (D(h) / m - p) ** 2 for m, h in groups) / (k - 1)
    msw = sum(D(h) * (m - h) / m for m, h in groups) / (n - k)
    squares = sum(m * m for m, _ in groups)
    m0 = (n - D(squares) / n) / (k - 1)
    rho = (msb - msw) / (msb + (m0 - 1) * msw)
    return rho, D(n) / (1 + (D(squares) / n - 1) * rho)


def row(*values):
    print("    {" + ", ".join(str(v) if isinstance(v, int) else f"{float(v):.15g}" for v in values) + "},")


print("Clopper-Pearson: hits, n, alpha, low, high; then Wilson")
cases = [(40, 100, .05), (10, 100, .05), (18, 100, .05), (6, 12, .05), (16, 16, .05), (0, 100, .05), (0, 1000, .05),
         (3, 300, .05), (2, 300, .05), (40, 100, .01), (1, 1, .05), (499, 1000, .05), (7, 100000, .05)]
for h, n, a in cases:
    if h != 7:
        row(h, n, D(str(a)), *clopper_pearson(h, n, a))
    else:  # the upper tail as the complement of a short lower one
        low = bisect(lambda p: 1 - tail(h - 1, n, p, False) < D("0.025"))
        row(h, n, D(str(a)), low, bisect(lambda p: tail(h, n, p, False) > D("0.025")))
for h, n, a in cases:
    row(h, n, D(str(a)), *wilson(h, n, a))
print("Newcombe (the examples of his table II): hits1, n1, hits2, n2, low, high")
for c in [(56, 70, 48, 80), (9, 10, 3, 10), (6, 7, 2, 7), (5, 56, 0, 29), (0, 10, 0, 20), (0, 10, 0, 10),
          (10, 10, 0, 20), (10, 10, 0, 10)]:
    row(*c, *newcombe(*c, .05))
print("Pythia, share of memorized sequences (percent) against log10 of nominal parameters, then its logarithm")
x = [D(v).log10() for v in ("70e6", "160e6", "410e6", "1e9", "1.4e9", "2.8e9", "6.9e9", "12e9")]
y = [D(v) for v in (".3168", ".4710", ".6627", ".8578", ".9381", "1.1439", "1.4484", "1.6269")]
row(*fit(x, y, .05))
row(*fit(x, [v.log10() for v in y], .05))
print("effective n: rho, n_eff of clusters (size, hits)")
for g in [[(4, 4), (4, 0), (4, 3), (4, 1)], [(1, 1), (2, 1), (3, 0), (10, 9), (5, 1)]]:
    row(*effective_n(g))
