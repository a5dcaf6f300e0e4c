#!/usr/bin/python3
"""Every recipe trained for the same processor time at most, and measured. Writes docs/results/zoo.json and docs/images/zoo/*.png.

usage: OBVERSE_DATA=FOLDER studies/zoo.py [--minutes 4] [--only ring,grid] [--runs runs/zoo]

Minutes are of processor time, one thread: what a recipe does in one is measured first, and its run is as long as they allow, never longer than
the recipe says; its schedules end where the run ends. OBVERSE_DATA holds mnist/ and emoji/. Recipes that are in the file are not trained again.
"""
import argparse
import glob
import json
import os
import resource
import subprocess
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULT, PICTURES = f"{ROOT}/docs/results/zoo.json", f"{ROOT}/docs/images/zoo"
POINTS = {"ring", "grid", "swiss-roll"}
# Of a recipe that has no generator of its own to judge: what is measured of it instead.
SPECIAL = {"fashion-mnist-encoder": "inference", "cyclegan-emoji": "translation"}


def run(program, *words):
    """What it prints, and its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-400:])
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def train(a, name, kimg, more=()):
    words = ["--set", f"train.kimg={kimg:g}", "--set", "train.snapshot_kimg=1e6", "--set", "train.checkpoint_kimg=1e6", "--set", "eval.metrics=[]", *more]
    out, seconds = run(a.program, "train", f"{ROOT}/recipes/{name}.toml", "--out", a.runs, "--quiet", *words)
    return out.strip().splitlines()[-1], seconds


def kimg_a_minute(a, name, batch, more):
    """Start and end left out; ten batches at first, more where they pass too fast to be timed."""
    rounds = 10
    while True:
        seconds = [train(a, name, rounds * share * batch / 1000, [*more, "--set", "train.monitors=false"])[1] for share in (1, 5)]
        if seconds[1] - seconds[0] > 2:
            return 60 * 4 * rounds * batch / 1000 / (seconds[1] - seconds[0])
        rounds *= 6


def metrics_of(source, kind, name):
    if name in SPECIAL:
        return SPECIAL[name]
    if kind == "flow" or kind == "made":
        return "likelihood"
    if source in POINTS:
        return "modes"
    return "fid,dc,likelihood" if kind == "vae" else "fid,dc"


def measure(a, folder, metrics, kind):
    figures = {}
    for metric in metrics.split(","):
        samples = [] if metric in ("modes", "likelihood", "inference", "translation") else ["--samples", a.samples]
        if kind == "flow" and metric == "likelihood":
            samples = ["--bound-samples", 1]  # one draw of the dequantisation
        try:
            lines = json.loads(run(a.program, "eval", folder, "--metrics", metric, *samples, "--json")[0])
        except RuntimeError as error:
            print(f"  {metric}: {error}", file=sys.stderr)
            continue
        for line in lines:
            for key, label in line["label"].items():
                figures[label] = {"value": line["results"][key], "floor": line.get("floor", {}).get(key), "low": line.get("low", {}).get(key),
                                  "high": line.get("high", {}).get(key)}
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/build/release/obverse")
    parser.add_argument("--runs", default=f"{ROOT}/runs/zoo")
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--only", default="")
    a = parser.parse_args()
    results = {}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            results = json.load(f)
    os.makedirs(PICTURES, exist_ok=True)
    recipes = sorted(glob.glob(f"{ROOT}/recipes/*.toml"), key=lambda path: ("encoder.toml" in path, path))  # an encoder after its generator
    for path in recipes:
        name = os.path.basename(path)[:-5]
        if name in results or (a.only and name not in a.only.split(",")):
            continue
        with open(path, "rb") as f:
            recipe = tomllib.load(f)
        source, kind = recipe.get("data", {}).get("source", "fashion-mnist"), recipe.get("game", {}).get("kind", "gan")
        if kind == "encoder" and "fashion-mnist" not in results:
            print(f"{name}: after fashion-mnist", file=sys.stderr)
            continue
        more = ["--set", f"game.model='{ROOT}/{results['fashion-mnist']['run']}'"] if kind == "encoder" else []
        try:
            rate = kimg_a_minute(a, name, recipe["train"].get("batch", 64), more)
            shipped = recipe["train"]["kimg"]
            folder, seconds = train(a, name, min(shipped, a.minutes * rate), more)
        except RuntimeError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        figures = measure(a, folder, metrics_of(source, kind, name), kind)
        if source not in POINTS and kind not in ("cyclegan", "encoder"):
            run(a.program, "sample", folder, "--seeds", "0-7", "--columns", 8, "--grid", f"{PICTURES}/{name}.png")
        results[name] = {"run": os.path.relpath(folder, ROOT), "about": recipe.get("about", ""), "source": source, "minutes": seconds / 60,
                         "kimg": min(shipped, a.minutes * rate), "shipped_kimg": shipped, "figures": figures}
        print(name, json.dumps({k: round(v["value"], 4) for k, v in figures.items()}), flush=True)
        with open(RESULT, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
