#!/usr/bin/env python3
"""Runs the ```sql blocks of a page in order, each with psql on the database that PGDATABASE names.

A block "```text" right after it is its output. A line "ERROR: ..." in it says that the block must fail with
that line; without one the block must not fail. "```sql norun" is not run, "```text fixed" not written.

  pages.py run PAGE     prints what differs; ends with 1 where a block does not do what it should
  pages.py fill PAGE    writes the output blocks as they came out
"""
import os
import re
import subprocess
import sys

# Running is checked on a shop that is quick to train.
SMALL = [(r"users => 1000, items => 300, days => 40", "users => 200, items => 60, days => 20"),
         (r"users => [12]000, items => 500, days => 60", "users => 400, items => 100, days => 60"),
         (r"behav_simulate_truth\(1000, 300, 40, 1\)", "behav_simulate_truth(200, 60, 20, 1)")]


def blocks(lines):
    """(first line, one past the last line, info string) of every fenced block, fences included."""
    found, start, info = [], None, ""
    for i, line in enumerate(lines):
        if start is None and line.startswith("```"):
            start, info = i, line[3:].strip()
        elif start is not None and line.rstrip() == "```":
            found.append((start, i + 1, info))
            start = None
    return found


def run(statements):
    env = dict(os.environ, PGOPTIONS=os.environ.get("PGOPTIONS", ""))
    done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-P", "footer=off", "-P", "pager=off"],
                          input=statements, env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def shown(output):
    """psql's lines without trailing blanks, blank lines at the end."""
    return [line.rstrip() for line in output.rstrip().split("\n")]


def main():
    mode, page = sys.argv[1], sys.argv[2]
    with open(page, encoding="utf-8") as f:
        lines = f.read().split("\n")
    found = blocks(lines)
    edits, bad = [], 0
    for b, (start, end, info) in enumerate(found):
        if info.split(" ") != ["sql"]:
            continue
        out = None
        if b + 1 < len(found) and found[b + 1][2].startswith("text") and not "".join(
                lines[end:found[b + 1][0]]).strip():
            out = found[b + 1]
        wanted = next((x for x in lines[out[0]:out[1]] if x.startswith("ERROR:")), None) if out else None
        statements = "\n".join(lines[start + 1:end - 1]) + "\n"
        if mode == "run":
            for pattern, small in SMALL:
                statements = re.sub(pattern, small, statements)
        status, output = run(statements)
        error = next((x for x in output.split("\n") if x.startswith("ERROR:")), None)
        if wanted and error != wanted and mode == "run":
            bad += 1
            print(f"# {page}:{start + 1}: expected {wanted}\n#   got {error or 'no error'}")
        elif status != 0 and not wanted:
            bad += 1
            print(f"# {page}:{start + 1}: {statements.strip()}\n#   {output.strip()[-600:]}")
        if out and mode == "fill" and "fixed" not in out[2]:
            edits.append((out[0] + 1, out[1] - 1, shown(output)))
    for first, last, new in reversed(edits):
        lines[first:last] = new
    if mode == "fill":
        with open(page, "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
    return 1 if bad else 0


sys.exit(main())
