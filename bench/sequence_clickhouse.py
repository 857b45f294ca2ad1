#!/usr/bin/env python3
"""Sequence functions here and in ClickHouse (chdb, the engine as a Python package): random patterns on
random events of distinct times, group by group. Prints how many answers agree, and examples of those
that do not. Reads what the server says through psql, which finds it by PGHOST and the like.

    bench/sequence_clickhouse.py [patterns] [groups]
"""
import random
import subprocess
import sys
import time

import chdb

PATTERNS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
GROUPS = int(sys.argv[2]) if len(sys.argv) > 2 else 400


def pattern(rng):
    """Events with gaps that both sides define alike: nothing, .*, or one bound; .* or a bound at the end."""
    text = ""
    for j in range(rng.randint(1, 4)):
        if j:
            kind = rng.random()
            if kind < 0.35:
                text += ".*"
            elif kind < 0.65:
                text += "(?t%s%d)" % (rng.choice([">", ">=", "<", "<=", "=="]), rng.randint(0, 12))
        text += "." if j and rng.random() < 0.15 else "(?%d)" % rng.randint(1, 3)
    return text + rng.choice(["", "", "", ".*", "(?t>%d)" % rng.randint(0, 12)])


def psql(sql):
    out = subprocess.run(["psql", "-XqAt", "-F", "|", "-v", "ON_ERROR_STOP=1"], input=sql, text=True,
                         capture_output=True, check=True).stdout
    return out.splitlines()


def agree(name, here, there, counts, examples, what):
    counts.setdefault(name, [0, 0])
    for group, answer in here.items():
        same = answer == there.get(group)
        counts[name][not same] += 1
        if not same and sum(e[0] == name for e in examples) < 3:
            examples.append((name, what, group, answer, there.get(group)))


def main():
    rng = random.Random(1)
    rows = []
    for group in range(GROUPS):
        times = sorted(rng.sample(range(60), rng.randint(1, 14)))
        rows += [(group, t, rng.randint(1, 4)) for t in times]
    values = ",".join("(%d,%d,%d)" % r for r in rows)
    psql("CREATE TABLE ch_events AS SELECT g, to_timestamp(t) AS ts, e FROM (VALUES %s) v(g, t, e)" % values)
    session = chdb.session.Session()
    session.query("CREATE TABLE ev (g Int32, ts DateTime('UTC'), e Int32) ENGINE = Memory")
    session.query("INSERT INTO ev VALUES %s" % values)
    counts, examples, refused = {}, [], 0
    for _ in range(PATTERNS):
        p = pattern(rng)
        here = psql(
            "SET timezone = 'UTC'; SELECT g, behav_sequence_match('{0}', ts, e = 1, e = 2, e = 3)::int,"
            " behav_sequence_count('{0}', ts, e = 1, e = 2, e = 3),"
            " (SELECT coalesce(string_agg(extract(epoch FROM t)::int::text, ' ' ORDER BY o), '') FROM"
            " unnest(behav_sequence_events('{0}', ts, e = 1, e = 2, e = 3)) WITH ORDINALITY u(t, o))"
            " FROM ch_events GROUP BY g".format(p))
        there = str(session.query(
            "SELECT g, sequenceMatch('{0}')(ts, e = 1, e = 2, e = 3), sequenceCount('{0}')(ts, e = 1, e = 2, e = 3),"
            " arrayStringConcat(arrayMap(x -> toString(toUnixTimestamp(x)), sequenceMatchEvents('{0}')(ts, e = 1,"
            " e = 2, e = 3)), ' ') FROM ev GROUP BY g FORMAT TSV".format(p), "TSV")).splitlines()
        here = [line.split("|") for line in here]
        there = [line.split("\t") for line in there]
        for column, name in ((1, "match"), (2, "count")):
            agree(name, {r[0]: r[column] for r in here}, {r[0]: r[column] for r in there}, counts, examples, p)
        # without a match ClickHouse answers the longest beginning of one; here nothing
        found = {r[0] for r in here if r[1] == "1"}
        agree("events", {r[0]: r[3] for r in here if r[0] in found}, {r[0]: r[3] for r in there}, counts, examples, p)
    for direction in ("forward", "backward"):
        for base in ("head", "tail", "first_match", "last_match"):
            for condition in ("true", "e < 3"):
                for events in ("e = 1", "e = 2, e = 1", "e < 4, e < 4, e > 1"):
                    call = "%s %s %s %s" % (direction, base, condition, events)
                    here = psql("SELECT g, coalesce(behav_next_node('%s', '%s', ts, e::text, %s, %s), '') FROM"
                                " ch_events GROUP BY g" % (direction, base, condition, events))
                    try:
                        there = str(session.query(
                            "SELECT g, ifNull(sequenceNextNode('%s', '%s')(ts, toString(e), %s, %s), '') FROM ev"
                            " GROUP BY g SETTINGS allow_experimental_funnel_functions = 1" % (direction, base, condition, events), "TSV"))
                    except RuntimeError:  # forward from the tail, backward from the head: nothing is there
                        refused += 1
                        continue
                    agree("next_node", dict(line.split("|") for line in here),
                          dict(line.split("\t") for line in there.splitlines()), counts, examples, call)
    psql("DROP TABLE ch_events")
    for name, (same, other) in counts.items():
        print("%-10s %d answers agree, %d do not" % (name, same, other))
    print("next_node: %d combinations are refused there" % refused)
    for name, what, group, here, there in examples:
        events = " ".join("%s%d" % ("ABCX"[e - 1], t) for g, t, e in rows if str(g) == group)
        print("%s %s on %s: here %s, ClickHouse %s" % (name, what, events, here, there))
    explode(session)


def explode(session):
    """Three thousand events that could begin a match; what would end one came before them all."""
    p = "(?1)(?t>=1)(?1)(?t>=1)(?1)(?t>=1)(?2)"
    begin = time.perf_counter()
    answer = psql("SELECT behav_sequence_match('%s', to_timestamp(i), i > 0, i = 0) FROM generate_series(0, 3000) i" % p)
    took = time.perf_counter() - begin
    try:
        there = str(session.query("SELECT sequenceMatch('%s')(toDateTime(number), number > 0, number = 0) FROM numbers(3001)" % p)).strip()
    except RuntimeError as error:
        there = "error: " + str(error).split("DB::Exception:")[-1].strip()[:90]
    print("%s on 3,000 events: here %s in %.0f ms with the connection, ClickHouse %s" % (p, answer[0], took * 1e3, there))


main()
