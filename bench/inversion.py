#!/usr/bin/env python3
"""Inverting 256 test images: the textbook's loop in PyTorch against every method here; writes docs/results/inversion.json.

usage: bench/inversion.py [--models fashion-mnist,dcgan-64] [--runs build/inversion] [--count 256] [--share 1] [--python PYTHON]

The textbook's loop is bench/peers/invert.py: one image after another, Adam with a step size of .01, 1000 steps from a random code, labels
known where the generator is conditional. Its time is that of --timed images one by one, its errors those of all of them (the same loop for
all at once, which takes minutes). Generators and encoders are trained under --runs unless they are there; --share shortens their training.
A quiet machine is needed.
"""
import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM, PEERS, RESULT = f"{ROOT}/build/release/obverse", f"{ROOT}/bench/peers", f"{ROOT}/docs/results/inversion.json"
# What is trained: a recipe and settings, each for a generator and for an encoder after the fact.
DCGAN_DATA = ['data.source="fashion-mnist"', "data.size=64"]
MODELS = {
    "fashion-mnist": {"generator": ("recipes/fashion-mnist.toml", []), "encoder": ("recipes/fashion-mnist-encoder.toml", []),
                      "size": 28, "kimg": (300, 120)},
    "dcgan-64": {"generator": ("bench/recipes/dcgan-64.toml", [*DCGAN_DATA, "train.ema_halflife_kimg=2"]),
                 "encoder": ("recipes/fashion-mnist-encoder.toml", [*DCGAN_DATA, "encoder.channels=[64,128,256,512]"]),
                 "size": 64, "kimg": (100, 60)},
}
# (method, restarts, steps): tried in this order, fewer steps first.
METHODS = [("encode", 1, 0)] + [(method, restarts, steps) for method, restarts in (("hybrid", 1), ("hybrid", 4), ("optimise", 4))
                                for steps in (5, 10, 20, 40, 80)]


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr[-2000:])
    return done.stdout


def trained(folder, recipe, settings, kimg):
    """A run of the recipe in `folder`, trained unless it is there, and the minutes it took."""
    note = f"{folder}.json"
    if not os.path.exists(note):
        words = [w for s in [*settings, f"train.kimg={kimg}", "eval.metrics=[]"] for w in ("--set", s)]
        path = run(PROGRAM, "train", f"{ROOT}/{recipe}", "--out", folder, "--quiet", *words).splitlines()[-1]
        with open(f"{path}/stats.jsonl") as f:
            minutes = json.loads(f.read().splitlines()[-1])["Timing/total_sec"]["mean"] / 60
        with open(note, "w") as f:
            json.dump({"run": path, "minutes": minutes, "kimg": kimg}, f)
    with open(note) as f:
        return json.load(f)


def textbook(a, model, targets):
    def peer(count, *more):
        return json.loads(run(a.python, f"{PEERS}/invert.py", model, targets, "--lr", 0.01, "--steps", a.steps, "--count", count, *more))

    one = peer(min(a.timed, a.count))
    every = peer(a.count, "--batched")
    return {**every, "seconds_an_image": one["seconds_an_image"], "seconds_an_image_batched": every["seconds_an_image"]}


def ours(a, model, method, restarts, steps, out):
    words = ["--data", "fashion-mnist", "--count", a.count, "--method", method, "--restarts", restarts, "--steps", steps]
    s = json.loads(run(PROGRAM, "invert", model, *words, "--out", out, "--json"))
    return {"method": method, "restarts": restarts, "steps": steps, "median": s["mse_median"], "p95": s["mse_p95"],
            "seconds_an_image": s["seconds_per_image"]}


def measure(a, name):
    spec, folder = MODELS[name], f"{a.runs}/{name}"
    kimg = [a.share * k for k in spec["kimg"]]
    generator = trained(f"{folder}-generator", *spec["generator"], kimg[0])
    recipe, settings = spec["encoder"]
    encoder = trained(f"{folder}-encoder", recipe, [*settings, f'game.model="{generator["run"]}"'], kimg[1])
    targets = f"{folder}-targets.zip"
    if not os.path.exists(targets):
        run(PROGRAM, "data", "prepare", "fashion-mnist", targets, "--split", "test", "--size", spec["size"])
    row = {"images": a.count, "generator_minutes": generator["minutes"], "generator_kimg": generator["kimg"],
           "encoder_minutes": encoder["minutes"], "encoder_kimg": encoder["kimg"], "steps": a.steps, "ours": []}
    row["textbook"] = textbook(a, f"{generator['run']}/model.safetensors", targets)
    print(name, "textbook", row["textbook"], file=sys.stderr, flush=True)
    good = set()  # ways that have become as good as the textbook
    for method, restarts, steps in METHODS:
        if (method, restarts) in good:
            continue
        found = ours(a, encoder["run"], method, restarts, steps, f"{folder}-inversion")
        found["as_good"] = found["median"] <= row["textbook"]["median"] and found["p95"] <= row["textbook"]["p95"]
        found["times_faster"] = row["textbook"]["seconds_an_image"] / found["seconds_an_image"]
        if found["as_good"]:
            good.add((method, restarts))
        row["ours"].append(found)
        print(name, found, file=sys.stderr, flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--runs", default=f"{ROOT}/build/inversion")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--timed", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--share", type=float, default=1)
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--out", default=RESULT)
    a = parser.parse_args()
    os.makedirs(a.runs, exist_ok=True)
    results = {}
    if os.path.exists(a.out):
        with open(a.out) as f:
            results = json.load(f)
    for name in a.models.split(","):
        results[name] = measure(a, name)
        with open(a.out, "w") as f:
            json.dump(results, f, indent=1, sort_keys=True)
            f.write("\n")


if __name__ == "__main__":
    main()
