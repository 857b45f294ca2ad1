"""scikit-learn's ColumnTransformer on the columns of bench/encoder.sh: prints seconds of fit and transform.

  encoder_peer.py rows
"""
import sys
import time

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

n = int(sys.argv[1])
rng = np.random.default_rng(1)
try:
    import pandas as pd
except ImportError:
    pd = None

numbers = {f"n{i}": rng.random(n) for i in range(1, 11)}
numbers["n5"][rng.random(n) < 0.1] = np.nan
texts = {name: np.char.add("k", rng.integers(0, k, n).astype(str)).astype(object)
         for name, k in (("c1", 6), ("c2", 21), ("c3", 20001), ("c4", 4))}
bools = {"b1": rng.random(n) < 0.3, "b2": rng.random(n) < 0.5}
times = {"t1": np.datetime64("2024-01-01") + (rng.random(n) * 300 * 86400).astype("timedelta64[s]")}
y = (rng.random(n) < 0.2).astype(int)


def parts(x):
    """Sine and cosine of hour, weekday, day of the month and month, and a trend."""
    t = np.asarray(x).astype("datetime64[s]").ravel()
    day, month = t.astype("datetime64[D]"), t.astype("datetime64[M]")
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(float)
    fraction = [(t - day).astype(float) / 86400, (day.astype(int) + 3) % 7 / 7,
                (day - month.astype("datetime64[D]")).astype(float) / length, month.astype(int) % 12 / 12]
    out = [f(2 * np.pi * p) for p in fraction for f in (np.sin, np.cos)]
    return np.column_stack(out + [t.astype(float)]).astype(np.float32)


number = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
steps = [("number", number, list(numbers)), ("onehot", OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32), ["c1", "c2", "c4"]),
         ("target", TargetEncoder(smooth=10.0), ["c3"]), ("bool", "passthrough", list(bools)),
         ("time", FunctionTransformer(parts), ["t1"])]
columns = {**numbers, **texts, **bools, **times}
if pd is None:
    print("sklearn needs pandas for columns of different types", file=sys.stderr)
    sys.exit(0)
data = pd.DataFrame(columns)
encoder = ColumnTransformer(steps)
start = time.perf_counter()
encoder.fit(data, y)
print(f"sklearn_fit {time.perf_counter() - start:.3f}")
start = time.perf_counter()
encoder.transform(data)
print(f"sklearn_transform {time.perf_counter() - start:.3f}")
