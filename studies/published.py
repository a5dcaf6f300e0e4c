#!/usr/bin/python3
"""Recipes whose papers give a figure for the same data and protocol, trained at a stated length, beside that figure. Writes
docs/results/published.json, docs/images/bounds.svg and the table of docs/inference.md.

usage: OBVERSE_DATA=FOLDER studies/published.py RUN...          finished runs of bigan-mnist, vae-mnist, iwae-mnist, ali-grid, made-mnist
       OBVERSE_DATA=FOLDER studies/published.py --curve RUN...  of runs that go on, or were stopped: their bounds so far alone

The runs are those of `obverse train recipes/NAME.toml` (iwae-mnist with other numbers of samples, ali-grid with other seeds too).
"""
import json
import os
import subprocess
import sys
import tempfile
import tomllib

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import figures  # noqa: E402
import plots  # noqa: E402

PROGRAM, RESULT = f"{ROOT}/build/release/obverse", f"{ROOT}/docs/results/published.json"
METRICS = {"bigan-mnist": ["--metrics", "inference", "--probe", "both"], "ali-grid": ["--metrics", "modes,inference"],
           "vae-mnist": ["--metrics", "likelihood", "--bound-samples", "5000"], "iwae-mnist": ["--metrics", "likelihood", "--bound-samples", "5000"],
           "made-mnist": ["--metrics", "likelihood"]}


def run(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.stderr[-1000:]}")
    return done.stdout


def distances(path):
    """||x - G(E(x))|| of every test image, pixels in [0, 1]."""
    with tempfile.TemporaryDirectory() as folder:
        run("invert", path, "--method", "encode", "--count", "0", "--out", folder)
        found = np.load(f"{folder}/latents.npz")
        return np.sqrt(found["mse"] / 4 * 784)


def measured(path, name):
    found = {}
    if name == "bigan-mnist":
        found["reconstruction, L2"] = {"value": float(distances(path).mean()), "low": None, "high": None, "floor": None}
    for line in json.loads(run("eval", path, *METRICS[name], "--json")):
        for key, label in line["label"].items():
            found[label] = {"value": line["results"][key], "low": line.get("low", {}).get(key), "high": line.get("high", {}).get(key),
                            "floor": line.get("floor", {}).get(key)}
    return found


def bounds_of(lines, points=60):
    """The bound on training images along a run, each number a mean over a stretch of it, in nats."""
    found = [(line["Progress/kimg"]["mean"], line[key]["mean"]) for line in lines for key in ("Loss/elbo", "Loss/iwae") if key in line]
    step = -(-len(found) // points) or 1
    stretches = [found[i:i + step] for i in range(0, len(found), step)]
    return [[stretch[-1][0], round(sum(v for _, v in stretch) / len(stretch), 3)] for stretch in stretches]


def draw(results):
    lines, entries = [], []
    for name, run in ((name, seeds["0"]) for name, seeds in results.items() if "mnist" in name and seeds.get("0", {}).get("bounds")):
        colour = plots.COLOURS[len(lines)]
        lines.append(([tuple(p) for p in run["bounds"] if p[0] >= 200], colour, None, None))
        entries.append((name, colour, None))
    if lines:
        parts = plots.panel(0, "bound on training images", "thousand images", "nats", lines, log_y=False, size=(520, 280))
        plots.save(f"{ROOT}/docs/images/bounds.svg", 600, 400, parts + plots.legend(60, 385, entries))


def main():
    words = [w for w in sys.argv[1:] if w != "--curve"]
    if not words:
        sys.exit(__doc__)
    for path in words:
        with open(f"{path}/recipe.toml", "rb") as f:
            recipe = tomllib.load(f)
        if recipe["name"] not in METRICS:
            sys.exit(f"{path}: of {recipe['name']}; known are {', '.join(METRICS)}")
        with open(f"{path}/stats.jsonl") as f:
            lines = [json.loads(line) for line in f]
        found = {} if "--curve" in sys.argv else measured(path, recipe["name"])
        name = recipe["name"] + (f", k = {recipe['game']['samples']}" if recipe["name"] == "iwae-mnist" else "")
        results = {}
        if os.path.exists(RESULT):
            with open(RESULT) as f:
                results = json.load(f)
        run = results.setdefault(name, {})[str(recipe["train"].get("seed", 0))] = {"kimg": lines[-1]["Progress/kimg"]["mean"], "figures": found}
        if bounds_of(lines):
            run["bounds"] = bounds_of(lines)
        with open(RESULT, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
        print(name, {k: round(v["value"], 4) for k, v in found.items()}, flush=True)
    draw(results)
    figures.main(["write"])


if __name__ == "__main__":
    main()
