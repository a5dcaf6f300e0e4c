#!/usr/bin/env python3
"""Whether this tree is slower than another commit: both programs side by side, in alternating pairs.

usage: bench/regress.py COMMIT [--jobs train-dcgan-64,train-ring,sample-64,sample-1] [--pairs 5] [--seconds 3] [--allow 0.05]

COMMIT is built in build/regress-COMMIT. A job has become slower when its median ratio lies below 1 - ALLOW and the ratios
of all but one pair lie below 1; then the exit status is 1. A quiet machine is needed.
"""
import argparse
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import compare  # noqa: E402


def build(source):
    """The build folder of a source tree, up to date."""
    for words in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--target", "obverse", "rates"]):
        subprocess.run(words, cwd=source, check=True, stdout=subprocess.DEVNULL)
    return f"{source}/build/release"


def built(commit):
    """That of another commit."""
    name = compare.run(["git", "-C", compare.ROOT, "rev-parse", "--short", commit]).strip()
    source = f"{compare.ROOT}/build/regress-{name}"
    if not os.path.exists(source):
        subprocess.run(["git", "-C", compare.ROOT, "worktree", "add", "--detach", source, name], check=True, stdout=sys.stderr)
    return build(source)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--jobs", default="train-dcgan-64,train-ring,sample-64,sample-1")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--allow", type=float, default=0.05)
    a = parser.parse_args()
    a.python, a.peer_b = "python3", ""
    here, there = build(compare.ROOT), built(a.commit)
    bench, slower = compare.Bench(a), []
    try:
        for name in a.jobs.split(","):
            job, ratios = compare.JOBS[name], []
            for _ in range(a.pairs):
                values = {}
                for folder in (here, there):
                    compare.PROGRAM, compare.RATES = f"{folder}/obverse", f"{folder}/rates"
                    values[folder] = job.ours(bench)["value"]
                ratio = values[here] / values[there]
                ratios.append(ratio if job.better == "more" else 1 / ratio)
            median = statistics.median(ratios)
            if median < 1 - a.allow and sorted(ratios)[-2] < 1:
                slower.append(name)
            print(f"{name}: {median:.3f} times as fast ({min(ratios):.3f}-{max(ratios):.3f})", flush=True)
    finally:
        bench.close()
    if slower:
        print(f"slower than {a.commit}: {', '.join(slower)}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
