#!/usr/bin/env python3
"""Trains the 2-D mixtures' recipes on several seeds and writes docs/results/mixtures.json. A trial has the machine to itself, or its
share of the cores where several jobs run at a time.

usage: bench/mixtures.py [--seeds 10] [--recipes ring,grid] [--jobs 1]   (build/release/obverse must be there)

A trial's modes, high-quality share and reverse KL are those of 2,500 samples, as published; its modes' own spreads are
of 25,000, where a spread is known to 2 %.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = f"{ROOT}/build/release/obverse"


def run_program(threads, *words):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    return subprocess.run([PROGRAM, *words], check=True, capture_output=True, text=True, env=environment).stdout


def last_figures(run, samples):
    name = next(f for f in os.listdir(run) if f.startswith(f"metric-modes{samples}_"))
    with open(f"{run}/{name}") as f:
        line = json.loads(f.read().splitlines()[-1])
    return {line["label"][key].replace(" ", "_"): value for key, value in line["results"].items()}


def trial(recipe, seed, folder, threads):
    started = time.time()
    run = run_program(threads, "train", f"{ROOT}/recipes/{recipe}.toml", "--seed", str(seed), "--out", f"{folder}/{recipe}-{seed}",
                      "--quiet").splitlines()[-1]
    seconds = time.time() - started
    run_program(threads, "eval", run, "--metrics", "modes", "--samples", "25000")
    figures, many = last_figures(run, "2500"), last_figures(run, "25k")
    for key in ("narrowest_std_ratio", "widest_std_ratio"):
        figures[key] = many[key]
    print(recipe, seed, f"{seconds:.1f} s", json.dumps(figures), file=sys.stderr, flush=True)
    return {"seed": seed, "seconds": seconds, **figures}


def summary(trials):
    def of(key):
        return [t[key] for t in trials]

    return {"trials": len(trials), "modes_least": min(of("modes")),
            "high_quality_mean": statistics.mean(of("high_quality")), "high_quality_least": min(of("high_quality")),
            "reverse_kl_mean": statistics.mean(of("reverse_kl")), "reverse_kl_most": max(of("reverse_kl")),
            "narrowest_std_ratio": min(of("narrowest_std_ratio")), "widest_std_ratio": max(of("widest_std_ratio")),
            "seconds_mean": statistics.mean(of("seconds")), "seconds_most": max(of("seconds"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--recipes", default="ring,grid")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    path = f"{ROOT}/docs/results/mixtures.json"
    results = {}
    if os.path.exists(path):
        with open(path) as f:
            results = json.load(f)
    folder = tempfile.mkdtemp()
    threads = max(1, os.cpu_count() // arguments.jobs)
    try:
        for recipe in arguments.recipes.split(","):
            with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
                trials = list(pool.map(lambda seed: trial(recipe, seed, folder, threads), range(arguments.seeds)))
            results[recipe] = {"threads": threads, "summary": summary(trials), "trials": trials}
    finally:
        shutil.rmtree(folder)
    with open(path, "w") as f:
        json.dump(results, f, indent=1, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    main()
