#!/usr/bin/env python3
"""Trains the 2-D mixtures' recipes on several seeds, one after the other, and writes docs/results/mixtures.json.

usage: bench/mixtures.py [--seeds 10] [--recipes ring,grid]   (about a minute a trial; build/release/obverse must be there)
"""
import argparse
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


def trial(recipe, seed, folder):
    started = time.time()
    command = [PROGRAM, "train", f"{ROOT}/recipes/{recipe}.toml", "--seed", str(seed), "--out", folder, "--quiet"]
    run = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    seconds = time.time() - started
    name = next(f for f in os.listdir(run) if f.startswith("metric-modes"))
    with open(f"{run}/{name}") as f:
        line = json.loads(f.read().splitlines()[-1])
    figures = {line["label"][key].replace(" ", "_"): value for key, value in line["results"].items()}
    return {"seed": seed, "seconds": seconds, "n": line["n_fake"], **figures}


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
    arguments = parser.parse_args()
    path = f"{ROOT}/docs/results/mixtures.json"
    results = {}
    if os.path.exists(path):
        with open(path) as f:
            results = json.load(f)
    folder = tempfile.mkdtemp()
    try:
        for recipe in arguments.recipes.split(","):
            trials = []
            for seed in range(arguments.seeds):
                trials.append(trial(recipe, seed, folder))
                print(recipe, json.dumps(trials[-1]), file=sys.stderr, flush=True)
            results[recipe] = {"summary": summary(trials), "trials": trials}
    finally:
        shutil.rmtree(folder)
    with open(path, "w") as f:
        json.dump(results, f, indent=1, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    main()
