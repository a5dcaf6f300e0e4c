#!/usr/bin/python3
"""What each kind of direction does to the flagship study's models. Writes docs/results/editing.json, docs/images/editing-*.png and docs/editing.md.

usage: studies/editing.py [--runs build/flagship] [--data fashion-mnist] [--strength 2]

Takes the models of seed 0 that studies/flagship.py left under --runs; `obverse edit find` measures 256 samples a direction, ten directions a kind at most. Needs NumPy and Pillow.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [f"{ROOT}/docs", f"{ROOT}/studies"]
sys.dont_write_bytecode = True
import figures  # noqa: E402
from latents import models  # noqa: E402

PROGRAM, RESULT = f"{ROOT}/build/release/obverse", f"{ROOT}/docs/results/editing.json"
KINDS, MODELS = ["mean", "svm", "pca", "sefa"], ["two-way", "bigan", "vae", "vae-gan"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default=f"{ROOT}/build/flagship")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--strength", type=float, default=2)
    a = parser.parse_args()
    results = {"strength": a.strength, "data": a.data, "models": {}}
    for name, path in models(a).items():
        if name not in MODELS:
            continue
        for kind in KINDS:
            out = f"{a.runs}/edit-{name}-{kind}"
            done = subprocess.run([PROGRAM, "edit", "find", path, "--kind", kind, "--strength", str(a.strength), "--out", out], capture_output=True,
                                  text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
            if done.returncode != 0:
                sys.exit(f"{name}, {kind}: {done.stderr[-1000:]}")
            with open(f"{out}/summary.json") as f:
                lines = json.load(f)["directions"]
            results["models"].setdefault(name, {})[kind] = {
                "directions": len(lines), **{key: statistics.mean(line[key] for line in lines) for key in ("gain", "kept", "others")}}
            print(name, kind, results["models"][name][kind], flush=True)
            if name == "two-way" and kind == "mean":
                picture = Image.open(f"{out}/overview.png")
                picture.resize((2 * picture.width, 2 * picture.height), Image.NEAREST).save(f"{ROOT}/docs/images/editing-mean.png", optimize=True)
    with open(RESULT, "w") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    figures.main(["write"])


if __name__ == "__main__":
    main()
