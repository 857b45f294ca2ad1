"""Fit times of item-kNN, sequence rules, RP3beta (scipy), ALS and BPR (the package implicit where there is one) and
EASE (numpy) on the training part of a file of sequences, beside bench/rec_bench.c.

With "ease" only that is fitted, once, and the process's peak of resident memory is printed.

usage: rec_reference.py FILE [least rows of an item] [threads] [ease]
"""
import collections
import resource
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


def sequences(path, least):
    """The codes of every user's training events, in order."""
    lines = [line.split()[1:] for line in open(path)]
    counts = collections.Counter(i for line in lines for i in line)
    code = {i: n for n, (i, c) in enumerate(counts.most_common()) if c >= least}
    return [np.array([code[i] for i in line if i in code][:-2], dtype=np.int32) for line in lines], len(code)


def seq_rules(data, steps=50, alpha=0.5, beta=0.25):
    """Followers within so many steps, weighted by 1 / distance, over powers of both sides' counts."""
    users, n = data
    item = np.concatenate(users)
    user = np.repeat(np.arange(len(users)), [len(u) for u in users])
    rules = sp.csr_matrix((n, n), dtype=np.float32)
    for k in range(1, min(steps, len(item) - 1) + 1):
        same = user[k:] == user[:-k]
        a, b = item[:-k][same], item[k:][same]
        rules = rules + sp.csr_matrix((np.full(len(a), 1 / k, dtype=np.float32), (a, b)), shape=(n, n))
    rules.setdiag(0)
    count = np.maximum(np.bincount(item, minlength=n), 1).astype(np.float32)
    return sp.diags(count ** -alpha) @ rules @ sp.diags(count ** -beta)


def rp3beta(x, alpha=0.6, beta=0.6, top=300):
    to_item = sp.diags(1 / np.maximum(np.asarray(x.sum(axis=1)).ravel(), 1)) @ x
    to_user = sp.diags(1 / np.maximum(np.asarray(x.sum(axis=0)).ravel(), 1)) @ x.T
    to_item.data **= alpha
    to_user.data **= alpha
    walk = (to_user.tocsr() @ to_item.tocsr() @ sp.diags(np.maximum(np.asarray(x.sum(axis=0)).ravel(), 1) ** -beta)).tocsr()
    walk.setdiag(0)
    rows = []
    for r in range(walk.shape[0]):
        value = walk.data[walk.indptr[r]:walk.indptr[r + 1]]
        rows.append(np.argpartition(-value, top)[:top] if len(value) > top else np.arange(len(value)))
    return walk, rows


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
    if len(sys.argv) > 4:
        ease(x)
        print(f"ease peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
        return
    warnings.filterwarnings("ignore", module="implicit")  # of a conversion inside the package
    print(f"item_knn scipy {fastest(item_knn, x):.4f}")
    print(f"rp3beta scipy {fastest(rp3beta, x):.4f}")
    print(f"seq_rules scipy {fastest(seq_rules, sequences(sys.argv[1], least)):.4f}")
    try:
        from implicit.als import AlternatingLeastSquares
        from implicit.bpr import BayesianPersonalizedRanking
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

        def rank(m):
            BayesianPersonalizedRanking(factors=64, iterations=60, learning_rate=0.05, num_threads=threads).fit(
                m, show_progress=False)
        print(f"bpr implicit {fastest(rank, x):.4f}")
    print(f"ease numpy {fastest(ease, x):.4f}")


main()
