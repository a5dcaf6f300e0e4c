#!/usr/bin/python3
"""Recipes whose papers give a figure for the same data and protocol, trained at a stated length, beside that figure. Writes
docs/results/published.json and the table of docs/inference.md.

usage: OBVERSE_DATA=FOLDER studies/published.py RUN...      finished runs of bigan-mnist, vae-mnist, iwae-mnist, ali-grid, made-mnist

The runs are those of `obverse train recipes/NAME.toml` (iwae-mnist with other numbers of samples, ali-grid with other seeds too).
"""
import json
import os
import subprocess
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import figures  # noqa: E402

PROGRAM, RESULT = f"{ROOT}/build/release/obverse", f"{ROOT}/docs/results/published.json"
METRICS = {"bigan-mnist": ["--metrics", "inference", "--probe", "both"], "ali-grid": ["--metrics", "modes,inference"],
           "vae-mnist": ["--metrics", "likelihood", "--bound-samples", "5000"], "iwae-mnist": ["--metrics", "likelihood", "--bound-samples", "5000"],
           "made-mnist": ["--metrics", "likelihood"]}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        with open(f"{path}/recipe.toml", "rb") as f:
            recipe = tomllib.load(f)
        if recipe["name"] not in METRICS:
            sys.exit(f"{path}: of {recipe['name']}; known are {', '.join(METRICS)}")
        with open(f"{path}/stats.jsonl") as f:
            last = json.loads(f.read().strip().splitlines()[-1])
        done = subprocess.run([PROGRAM, "eval", path, *METRICS[recipe["name"]], "--json"], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{path}: {done.stderr[-1000:]}")
        found = {}
        for line in json.loads(done.stdout):
            for key, label in line["label"].items():
                found[label] = {"value": line["results"][key], "low": line.get("low", {}).get(key), "high": line.get("high", {}).get(key),
                                "floor": line.get("floor", {}).get(key)}
        name = recipe["name"] + (f", k = {recipe['game']['samples']}" if recipe["name"] == "iwae-mnist" else "")
        results = {}
        if os.path.exists(RESULT):
            with open(RESULT) as f:
                results = json.load(f)
        results.setdefault(name, {})[str(recipe["train"].get("seed", 0))] = {"kimg": last["Progress/kimg"]["mean"], "figures": found}
        with open(RESULT, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
        print(name, {k: round(v["value"], 4) for k, v in found.items()}, flush=True)
    figures.main(["write"])


if __name__ == "__main__":
    main()
