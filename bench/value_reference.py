"""Seconds that lifetimes takes to fit what value_bench wrote: name, seconds, version."""
import sys
import time

import lifetimes
import numpy

FITTERS = {
    "bg_nbd": lambda d: lifetimes.BetaGeoFitter().fit(d[:, 0], d[:, 1], d[:, 2]),
    "mbg_nbd": lambda d: lifetimes.ModifiedBetaGeoFitter().fit(d[:, 0], d[:, 1], d[:, 2]),
    "gamma_gamma": lambda d: lifetimes.GammaGammaFitter().fit(d[:, 0], d[:, 1]),
}

for name, fit in FITTERS.items():
    data = numpy.loadtxt(f"{sys.argv[1]}.{name}.csv", delimiter=",")
    start = time.perf_counter()
    fit(data)
    print(name, round(time.perf_counter() - start, 3), lifetimes.__version__)
