"""Fit times of item-kNN and ALS (scipy, and the package implicit where there is one) and of EASE (numpy) on
the training part of a file of sequences, beside bench/rec_bench.c.

usage: rec_reference.py FILE [least rows of an item] [threads]
"""
import collections
import sys
import time
import warnings

import numpy as np
import scipy.sparse as sp


def read(path, least):
    """Users by items, 1 where a user met the item before the last two events."""
    lines = [line.split()[1:] for line in open(path)]
    counts = collections.Counter(i for line in lines for i in line)
    code = {i: n for n, (i, c) in enumerate(counts.most_common()) if c >= least}
    rows, cols = [], []
    for u, line in enumerate(lines):
        known = [code[i] for i in line if i in code]
        kept = set(known[:-2])
        rows += [u] * len(kept)
        cols += kept
    ones = np.ones(len(rows), dtype=np.float32)
    return sp.csr_matrix((ones, (rows, cols)), shape=(len(lines), len(code)))


def item_knn(x):
    both = (x.T @ x).tocoo()
    norm = np.sqrt(np.asarray(x.sum(axis=0)).ravel())
    both.data /= norm[both.row] * norm[both.col] + 10
    both.setdiag(0)
    return both.tocsr()


def ease(x, top=200):
    gram = (x.T @ x).toarray()
    gram[np.diag_indices_from(gram)] += 500
    inverse = np.linalg.inv(gram)
    b = -inverse / np.diag(inverse)
    np.fill_diagonal(b, 0)
    best = np.argpartition(-np.abs(b), top, axis=1)[:, :top]
    return best, np.take_along_axis(b, best, axis=1)


def fastest(fit, x):
    seconds = []
    while len(seconds) < 3 and not (seconds and seconds[0] > 5):
        start = time.perf_counter()
        fit(x)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main():
    least = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    x = read(sys.argv[1], least)
    warnings.filterwarnings("ignore", module="implicit")  # of a conversion inside the package
    print(f"item_knn scipy {fastest(item_knn, x):.4f}")
    try:
        from implicit.als import AlternatingLeastSquares
        from implicit.nearest_neighbours import CosineRecommender
    except ImportError:
        pass
    else:
        def fit(m):
            CosineRecommender(K=x.shape[1], num_threads=threads).fit(m, show_progress=False)
        print(f"item_knn implicit {fastest(fit, x):.4f}")

        def factorise(m):
            AlternatingLeastSquares(factors=64, iterations=15, num_threads=threads).fit(m, show_progress=False)
        print(f"als implicit {fastest(factorise, x):.4f}")
    print(f"ease numpy {fastest(ease, x):.4f}")


main()
