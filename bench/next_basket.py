"""Baskets as lines "user seconds item", all integers, in (user, time) order, for bench/basket_bench.c.

usage: next_basket.py retail|journey FILE.csv > OUT
"""
import csv
import datetime
import sys


def events(kind, rows):
    """(user, time as text, item) of purchases."""
    for r in rows:
        if kind == "journey":
            yield r["household_id"], r["transaction_timestamp"], r["product_id"]
        elif r["CustomerID"] and not r["InvoiceNo"].startswith("C") and float(r["Quantity"]) > 0:
            yield r["CustomerID"], r["InvoiceDate"], r["StockCode"]


def seconds(text):
    for form in ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M"):
        try:
            return int(datetime.datetime.strptime(text, form).replace(tzinfo=datetime.timezone.utc).timestamp())
        except ValueError:
            pass
    raise ValueError(text)


def main():
    users, items, out = {}, {}, []
    with open(sys.argv[2], encoding="utf-8", errors="replace", newline="") as f:
        for user, time, item in events(sys.argv[1], csv.DictReader(f)):
            out.append((users.setdefault(user, len(users)), seconds(time), items.setdefault(item, len(items))))
    for row in sorted(out):
        print(*row)


main()
