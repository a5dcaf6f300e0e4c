#!/usr/bin/env python3
"""Whether the fast path learns as well as the reference: the demo's recipe in bfloat16 and in float32, several seeds each.

usage: bench/quality.py [--seeds 5] [--kimg 60] [--jobs 2]   writes docs/results/quality.json; trials run a core each

At equal images seen, FID and coverage of the two are compared by Welch's t-test; the gate is passed when neither is
significantly worse (p < 0.05, one-sided).
"""
import argparse
import concurrent.futures
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = f"{ROOT}/build/release/obverse"


def run_program(*words):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    return subprocess.run([PROGRAM, *words], check=True, capture_output=True, text=True, env=environment).stdout


def trial(precision, seed, kimg, folder):
    run = run_program("train", f"{ROOT}/recipes/fashion-mnist.toml", "--seed", str(seed), "--precision", precision, "--out",
                      f"{folder}/{precision}-{seed}", "--quiet", "--set", f"train.kimg={kimg}", "--set",
                      f"train.snapshot_kimg={kimg}", "--set", "eval.metrics=[]").splitlines()[0]
    lines = json.loads(run_program("eval", run, "--metrics", "fid,dc", "--samples", "10000", "--json"))
    figures = {line["label"][key].replace(" ", "_"): value for line in lines for key, value in line["results"].items()}
    result = {"precision": precision, "seed": seed, "fid": figures["fid"], "coverage": figures["coverage"]}
    print(result, file=sys.stderr, flush=True)
    return result


def p_worse(reference, fast):
    """One-sided p of Welch's t-test that `fast` lies above `reference`; t's tail by Simpson's rule."""
    a, b = statistics.variance(reference) / len(reference), statistics.variance(fast) / len(fast)
    t = (statistics.mean(fast) - statistics.mean(reference)) / math.sqrt(a + b)
    nu = (a + b) ** 2 / (a * a / (len(reference) - 1) + b * b / (len(fast) - 1))
    scale = math.gamma((nu + 1) / 2) / (math.sqrt(nu * math.pi) * math.gamma(nu / 2))
    n = 2000
    step = abs(t) / n
    area = sum((1 if i in (0, n) else 4 if i % 2 else 2) * (1 + (i * step) ** 2 / nu) ** (-(nu + 1) / 2) for i in range(n + 1))
    half = scale * area * step / 3
    return 0.5 - half if t > 0 else 0.5 + half


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kimg", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    a = parser.parse_args()
    folder = tempfile.mkdtemp()
    try:
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            trials = list(pool.map(lambda job: trial(*job, a.kimg, folder),
                                   [(p, s) for s in range(a.seeds) for p in ("float32", "bfloat16")]))
    finally:
        shutil.rmtree(folder)

    def of(precision, key):
        return [t[key] for t in trials if t["precision"] == precision]

    result = {"kimg": a.kimg, "trials": trials,
              "fid": {p: statistics.mean(of(p, "fid")) for p in ("float32", "bfloat16")},
              "coverage": {p: statistics.mean(of(p, "coverage")) for p in ("float32", "bfloat16")},
              "p_fid_worse": p_worse(of("float32", "fid"), of("bfloat16", "fid")),
              "p_coverage_worse": p_worse([-c for c in of("float32", "coverage")], [-c for c in of("bfloat16", "coverage")])}
    result["passed"] = min(result["p_fid_worse"], result["p_coverage_worse"]) >= 0.05
    with open(f"{ROOT}/docs/results/quality.json", "w") as f:
        json.dump(result, f, indent=1, sort_keys=True)
        f.write("\n")
    print(json.dumps({k: v for k, v in result.items() if k != "trials"}))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
