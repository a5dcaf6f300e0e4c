#!/usr/bin/python3
"""What two ideas from other fields add to the R3GAN recipe, relativistic pairing with R1 and R2, at the same number of samples shown: Fourier
features in D, from graphics, and batches spread evenly over data and codes, from numerical integration. On the mixtures in the plane.
Writes docs/results/architecture.json, docs/images/architecture.png and studies/architecture.md.

usage: studies/architecture.py [--seeds 3] [--share 0.5] [--runs build/architecture]

The base without the ideas also runs at a third and at three times the step sizes, which were tuned with them. share: of the recipes' kimg. What is in the
file with the same share is not made again. Needs Pillow.
"""
import argparse
import glob
import json
import os
import sys

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import flagship  # noqa: E402

ROOT = flagship.ROOT
RESULT = f"{ROOT}/docs/results/architecture.json"
PLAIN, FOURIER, EVEN = ["discriminator.frequencies=0", "train.even_batches=false"], ["train.even_batches=false"], ["discriminator.frequencies=0"]
# name: settings that take an idea away from the recipe, factor on its step sizes
VARIANTS = {
    "R3GAN": (PLAIN, 1),
    "R3GAN, a third of the steps": (PLAIN, 1 / 3),
    "R3GAN, three times the steps": (PLAIN, 3),
    "with even batches": (EVEN, 1),
    "with Fourier features": (FOURIER, 1),
    "with both": ([], 1),
}


def scaled_steps(recipe, factor):
    if factor == 1:
        return []
    steps = {name: table["optimiser"]["lr"] for name, table in flagship.tables_of(recipe).items() if "optimiser" in table}
    return [f"{name}.optimiser.lr={{from={factor * lr['from']}, to={factor * lr['to']}}}" for name, lr in steps.items()]


def trial(recipe, variant, seed, a):
    changes, factor = VARIANTS[variant]
    kimg = a.share * flagship.tables_of(recipe)["train"]["kimg"]
    settings = [*changes, *scaled_steps(recipe, factor), f"train.kimg={kimg:g}", f"train.snapshot_kimg={kimg:g}", "train.checkpoint_kimg=100000", "train.monitors=false", "eval.metrics=[]"]
    out, seconds = flagship.run("train", f"{ROOT}/recipes/{recipe}.toml", "--out", a.runs, "--seed", seed, "--quiet", *(w for s in settings for w in ("--set", s)))
    path = out.strip().splitlines()[-1]
    found = flagship.values(path, "--metrics", "modes", "--samples", 25000)
    return {"seconds": seconds, "folder": os.path.basename(path), **{key: found[key] for key in ("modes", "high quality", "reverse kl", "narrowest std ratio", "widest std ratio")}}


def draw(rows, runs):
    """The last snapshots of seed 0: a row a mixture, a column a variant at the recipe's step sizes."""
    shown = [name for name, (_, factor) in VARIANTS.items() if factor == 1]
    folders = [[f"{runs}/{rows[f'{recipe}/{name}/0']['folder']}" for name in shown] for recipe in ("ring", "grid")]
    images = [[Image.open(max(glob.glob(f"{folder}/fakes*.png"))).convert("RGB").resize((300, 300)) for folder in line] for line in folders]
    page = Image.new("RGB", (310 * len(shown) - 10, 610), "white")
    for y, line in enumerate(images):
        for x, image in enumerate(line):
            page.paste(image, (310 * x, 310 * y))
    page.save(f"{ROOT}/docs/images/architecture.png", optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--runs", default=f"{ROOT}/build/architecture")
    a = parser.parse_args()
    results = {"share": a.share, "rows": {}}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            before = json.load(f)
        if before["share"] == a.share:
            results = before
    for seed in range(a.seeds):
        for recipe in ("ring", "grid"):
            for variant in VARIANTS:
                key = f"{recipe}/{variant}/{seed}"
                if key in results["rows"]:
                    continue
                try:
                    results["rows"][key] = trial(recipe, variant, seed, a)
                except SystemExit as failed:
                    results["rows"][key] = {"failed": str(failed).strip().splitlines()[-1]}
                with open(RESULT, "w") as f:
                    json.dump(results, f, indent=1)
                    f.write("\n")
                print(key, results["rows"][key], file=sys.stderr, flush=True)
    draw(results["rows"], a.runs)
    flagship.figures.main(["write"])


if __name__ == "__main__":
    main()
