"""The peers of bench/rows.sh: scikit-learn and XGBoost on the same rows, one-hot and z-scores, 10 folds."""
import csv
import sys
import time

import numpy as np
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

name, path = sys.argv[1:3]
with open(path) as f:
    rows = list(csv.reader(f))
head, rows = rows[0], [r for r in rows[1:]]
y = np.array([r[-1] in ("t", "Yes") for r in rows], dtype=int)


def number(values):
    try:
        return np.array([float(v) if v else np.nan for v in values])
    except ValueError:
        return None


columns = [[r[j] for r in rows] for j in range(len(head) - 1)]
# what the tables declare as text stays a category, however it looks
texts = {"operating_systems", "browser", "region", "traffic_type", "c0", "c1"}
numeric = [None if head[j] in texts else number(c) for j, c in enumerate(columns)]
X = np.empty((len(rows), len(columns)), dtype=object)
for j, c in enumerate(columns):
    if numeric[j] is None:
        X[:, j] = c
    else:
        v = numeric[j]
        X[:, j] = np.where(np.isnan(v), np.nanmedian(v), v)
num = [j for j in range(len(columns)) if numeric[j] is not None]
cat = [j for j in range(len(columns)) if numeric[j] is None]
encoder = lambda: ColumnTransformer(
    [("n", StandardScaler(), num), ("c", OneHotEncoder(handle_unknown="ignore", sparse_output=False), cat)])
models = {
    "logistic": lambda: LogisticRegression(max_iter=2000),
    "gbdt": lambda: xgboost.XGBClassifier(n_estimators=150, max_depth=4, learning_rate=0.05, subsample=0.8,
                                          colsample_bytree=0.8, n_jobs=1),
    "mlp": lambda: MLPClassifier((64, 32), early_stopping=True, max_iter=200, random_state=0),
}

if name == "speed":
    Z = encoder().fit_transform(X).astype(np.float32)
    for kind, make in (("logistic", models["logistic"]),
                       ("gbdt", lambda: xgboost.XGBClassifier(n_estimators=100, max_depth=6, learning_rate=0.1,
                                                              subsample=0.8, colsample_bytree=0.8, n_jobs=2))):
        start = time.time()
        make().fit(Z, y)
        print(f"speed {kind} peer fit {time.time() - start:.2f} s")
    sys.exit()
for kind, make in models.items():
    auc, ap, start = [], [], time.time()
    for train, test in StratifiedKFold(10, shuffle=True, random_state=0).split(X, y):
        p = make_pipeline(encoder(), make()).fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        auc.append(roc_auc_score(y[test], p))
        ap.append(average_precision_score(y[test], p))
    print(f"{name} {kind} peer {np.mean(auc):.4f} {np.mean(ap):.4f} {time.time() - start:.1f}")
