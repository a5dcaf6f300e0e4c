#!/usr/bin/env python3
"""Inverting 256 test images: the textbook's loop in PyTorch against every method here; writes docs/results/inversion.json.

usage: bench/inversion.py [--models fashion-mnist,dcgan-64] [--runs build/inversion] [--count 256] [--share 1] [--python PYTHON] [--peer-b ROOT]
                         [--prepare]

The textbook's loop is bench/peers/invert.py: one image after another, Adam with a step size of .01, 1000 steps from a random code, labels
known where the generator is conditional. Its time is that of --timed images one by one, with the fastest settings of either PyTorch
(bench/compare.py says which are meant), its errors those of all images (the same loop for all at once in float32, which takes up to half an
hour). Generators, encoders and the textbook's errors are made under --runs unless they are there: --prepare does only that, the rest wants a
quiet machine. --share shortens the trainings.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

import compare

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM, RESULT = f"{ROOT}/build/release/obverse", f"{ROOT}/docs/results/inversion.json"
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
METHODS = [("encode", 1, 0), *(("hybrid", 1, steps) for steps in (5, 10, 15, 20, 40, 80)),
           *(("optimise", 4, steps) for steps in (10, 20, 40, 80))]


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr[-2000:])
    return done.stdout


def kept(path, make):
    """What make() says, a JSON value that is made once and kept at `path`."""
    if not os.path.exists(path):
        value = make()
        with open(path, "w") as f:
            json.dump(value, f)
    with open(path) as f:
        return json.load(f)


def trained(folder, recipe, settings, kimg):
    """A run of the recipe in `folder`, and the minutes it took."""
    def train():
        words = [w for s in [*settings, f"train.kimg={kimg}", "eval.metrics=[]"] for w in ("--set", s)]
        path = run(PROGRAM, "train", f"{ROOT}/{recipe}", "--out", folder, "--quiet", *words).splitlines()[-1]
        with open(f"{path}/stats.jsonl") as f:
            minutes = json.loads(f.read().splitlines()[-1])["Timing/total_sec"]["mean"] / 60
        return {"run": path, "minutes": minutes, "kimg": kimg}

    return kept(f"{folder}.json", train)


class Textbook:
    """The loop in PyTorch, on one generator and its test images."""

    def __init__(self, a, bench, name, generator, size):
        self.a, self.bench = a, bench
        self.model = bench.made(f"{name}.safetensors", lambda path: shutil.copy(f"{generator}/model.safetensors", path))
        self.targets = bench.made(f"{name}.zip", lambda path: run(PROGRAM, "data", "prepare", "fashion-mnist", path, "--split", "test",
                                                                  "--size", size))

    def loop(self, which, count, *more):
        return self.bench.peer(which, "invert.py", self.model, self.targets, "--lr", 0.01, "--steps", self.a.steps, "--count", count, *more)

    def errors(self):
        found = self.loop(list(self.bench.peers)[-1], self.a.count, "--batched")
        return {"median": found["median"], "p95": found["p95"], "seconds_an_image_batched": found["seconds_an_image"]}

    def time(self, which):
        """Of one image after another: seconds an image in the fastest setting, and which that is."""
        tried = {}
        for setting in (compare.EAGER, compare.HALF):
            found = self.loop(which, min(self.a.timed, self.a.count), *setting)
            tried[" ".join(setting) or "eager"] = found["seconds_an_image"]
        best = min(tried, key=tried.get)
        return {"torch": found["torch"], "setting": best, "seconds_an_image": tried[best], "tried": tried}


def ours(a, model, method, restarts, steps, out):
    words = ["--data", "fashion-mnist", "--count", a.count, "--method", method, "--restarts", restarts, "--steps", steps]
    s = json.loads(run(PROGRAM, "invert", model, *words, "--out", out, "--json"))
    return {"method": method, "restarts": restarts, "steps": steps, "median": s["mse_median"], "p95": s["mse_p95"],
            "seconds_an_image": s["seconds_per_image"]}


def measure(a, bench, name):
    spec, folder = MODELS[name], f"{a.runs}/{name}"
    kimg = [a.share * k for k in spec["kimg"]]
    generator = trained(f"{folder}-generator", *spec["generator"], kimg[0])
    recipe, settings = spec["encoder"]
    encoder = trained(f"{folder}-encoder", recipe, [*settings, f'game.model="{generator["run"]}"'], kimg[1])
    book = Textbook(a, bench, name, generator["run"], spec["size"])
    errors = kept(f"{folder}-textbook.json", book.errors)
    if a.prepare:
        return None
    row = {"images": a.count, "generator_minutes": generator["minutes"], "generator_kimg": generator["kimg"],
           "encoder_minutes": encoder["minutes"], "encoder_kimg": encoder["kimg"], "steps": a.steps, "ours": [],
           "textbook": {**errors, "peers": {which: book.time(which) for which in bench.peers}}}
    print(name, "textbook", row["textbook"], file=sys.stderr, flush=True)
    good = set()  # ways that have become as good as the textbook
    for method, restarts, steps in METHODS:
        if (method, restarts) in good:
            continue
        found = ours(a, encoder["run"], method, restarts, steps, f"{folder}-inversion")
        found["as_good"] = found["median"] <= errors["median"] and found["p95"] <= errors["p95"]
        found["times_faster"] = {which: peer["seconds_an_image"] / found["seconds_an_image"] for which, peer in row["textbook"]["peers"].items()}
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
    parser.add_argument("--peer-b", default="")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--out", default=RESULT)
    a = parser.parse_args()
    os.makedirs(a.runs, exist_ok=True)
    results = {}
    if os.path.exists(a.out):
        with open(a.out) as f:
            results = json.load(f)
    bench = compare.Bench(argparse.Namespace(seconds=0, pairs=0, python=a.python, peer_b=a.peer_b))
    try:
        for name in a.models.split(","):
            row = measure(a, bench, name)
            if row:
                results[name] = row
                with open(a.out, "w") as f:
                    json.dump(results, f, indent=1, sort_keys=True)
                    f.write("\n")
    finally:
        bench.close()


if __name__ == "__main__":
    main()
