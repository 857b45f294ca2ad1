"""Association rules by a peer, one item on the right: rules_peers.py peer file support confidence.

file has a basket a line, items separated by commas; support is a number of baskets. Prints the peer, the
number of rules and the seconds from baskets in memory to rules.
"""
import sys
import time

peer, path, support, confidence = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
with open(path) as lines:
    baskets = [tuple(line.rstrip("\n").split(",")) for line in lines]
# half a basket below the count: no share is a hair above it
share = (support - 0.5) / len(baskets)

if peer == "efficient_apriori":
    from efficient_apriori import apriori

    start = time.perf_counter()
    _, rules = apriori(baskets, min_support=share, min_confidence=confidence)
    n = sum(len(r.rhs) == 1 for r in rules)
else:
    import pandas as pd
    from mlxtend.frequent_patterns import apriori, association_rules, fpgrowth
    from mlxtend.preprocessing import TransactionEncoder

    start = time.perf_counter()
    encoder = TransactionEncoder()
    table = pd.DataFrame(encoder.fit(baskets).transform(baskets), columns=encoder.columns_)
    mine = fpgrowth if peer == "mlxtend_fpgrowth" else apriori
    itemsets = mine(table, min_support=share, use_colnames=True, **({} if mine is fpgrowth else {"low_memory": True}))
    rules = association_rules(itemsets, metric="confidence", min_threshold=confidence)
    n = int((rules["consequents"].map(len) == 1).sum())
print(peer, n, f"{time.perf_counter() - start:.3f}")
