#!/usr/bin/python3
"""Each method against a floor on a named task: what it would get if it did nothing. Writes docs/results/floors.json.

usage: OBVERSE_DATA=FOLDER studies/floors.py [--only "Glow;IAF"] [--seeds 3]

A floor is the same recipe with the method switched off, or a model without any learning: a Gaussian with the mean and the covariance of the data, or
each pixel's own histogram. Rows that are in the file are not made again. `docs/figures.py write` puts the table into docs/zoo.md. Needs NumPy;
OBVERSE_DATA holds mnist/.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import figures  # noqa: E402

PROGRAM, RESULT = f"{ROOT}/build/release/obverse", f"{ROOT}/docs/results/floors.json"
# Small networks for garments, so that three seeds of a row take minutes.
GARMENTS = """
name = "garments"
[data]
source = "fashion-mnist"
[game]
z_dim = 64
[generator]
kind = "dcgan"
channels = [64, 32]
optimiser = { lr = { from = 1e-3, to = 0, shape = "linear" }, beta1 = 0.5, beta2 = 0.99 }
[discriminator]
kind = "dcgan"
channels = [32, 64]
optimiser = { lr = { from = 1e-3, to = 0, shape = "linear" }, beta1 = 0.5, beta2 = 0.99 }
[train]
kimg = 40
batch = 32
ema_halflife_kimg = 2
"""
GAUSSIAN, HISTOGRAM = "a Gaussian fitted to the data", "each pixel's own histogram"
QUALITY = ("modes", "--metrics", "modes", "--samples", "2500")
FID = ("fid", "--metrics", "fid,dc", "--samples", "5000")
# A hundred garments, and a discriminator that learns them by heart.
FEW = ["data.limit=100", "discriminator.batch_norm=false", "train.kimg=80"]
# Method: (recipe or GARMENTS, settings of both, settings of the method, what a floor is: its name and the settings or None, figures, of them the deciding one)
ROWS = {
    **{f"f-GAN, {d}": ("fgan-ring", [], [f'game.loss="f-gan-{d}"'], (GAUSSIAN, None), QUALITY, "high quality")
       for d in ("kl", "reverse-kl", "jensen-shannon", "pearson", "squared-hellinger", "total-variation")},
    "MMD-GAN": ("mmd-ring", [], [], (GAUSSIAN, None), QUALITY, "high quality"),
    "VEEGAN": ("veegan-grid", [], [], (GAUSSIAN, None), QUALITY, "high quality"),
    "adversarial autoencoder": ("adversarial-autoencoder-fashion", ["train.kimg=40", "generator.channels=[64,32]", "encoder.channels=[32,64]"], [], ("no adversary", ["game.adversarial_weight=0"]), FID, "fid"),
    "Glow": ("glow-mnist", [], [], (HISTOGRAM, None), ("", "--metrics", "likelihood", "--bound-samples", "5"), "bits per dim"),
    "IAF": ("iaf-roll", [], [], (GAUSSIAN, None), ("", "--metrics", "likelihood"), "log p"),
    "DiffAugment": (GARMENTS, FEW, ['game.augment=["translation","cutout"]'], ("none", []), FID, "fid"),
    "adaptive augmentation": (GARMENTS, FEW, ["game.adaptive_target=0.6", "game.adaptive_kimg=20"], ("none", []), FID, "fid"),
    "balanced consistency": (GARMENTS, FEW, ["game.consistency_real=10", "game.consistency_fake=10", 'game.consistency_by=["shift"]'], ("none", []), FID, "fid"),
    "minibatch standard deviation": (GARMENTS, [], ["discriminator.minibatch_std=true"], ("none", []), FID, "coverage"),
    "label smoothing": (GARMENTS, [], ["game.label_smoothing=0.1"], ("none", []), FID, "fid"),
}
LOWER = {"fid", "bits per dim", "reverse kl"}


def obverse(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}\n{done.stderr[-1000:]}")
    return done.stdout


def values(*words):
    return {line["label"][key]: value for line in json.loads(obverse("eval", *words, "--json")) for key, value in line["results"].items()}


def learned(recipe, settings, measures, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{ROOT}/recipes/{recipe}.toml"
        if recipe == GARMENTS:
            path = f"{folder}/garments.toml"
            with open(path, "w") as f:
                f.write(GARMENTS)
        whole = ["train.snapshot_kimg=1e6", "train.checkpoint_kimg=1e6", "train.monitors=false", "eval.metrics=[]", *settings]
        run = obverse("train", path, "--out", folder, "--seed", seed, "--quiet", *(w for s in whole for w in ("--set", s))).strip().splitlines()[-1]
        return values(run, *measures[1:])


def idx(name):
    for path, opener in ((name, open), (f"{name}.gz", gzip.open)):
        if os.path.exists(path):
            with opener(path, "rb") as f:
                return np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784)
    sys.exit(f"{name}: missing: set OBVERSE_DATA to a folder that holds mnist/")


def histogram_bits():
    """Bits a pixel of MNIST's test images under each pixel's histogram over the training images, one count added to every value."""
    folder = f"{os.environ.get('OBVERSE_DATA', '.')}/mnist"
    train, test = idx(f"{folder}/train-images-idx3-ubyte"), idx(f"{folder}/t10k-images-idx3-ubyte")
    counts = np.stack([np.bincount(column, minlength=256) + 1 for column in train.T])
    bits = -np.log2(counts / counts.sum(1, keepdims=True))
    return float(bits[np.arange(784), test].mean())


def points(data, n=200000):
    """Fresh draws of a set of points; their formulas are those of obverse/data/toys.cpp."""
    draw = np.random.default_rng(0)
    if data == "swiss-roll":
        t = 1.5 * np.pi * (1 + 2 * draw.random(n))
        return (t[:, None] * np.stack([np.cos(t), np.sin(t)], 1) + draw.normal(size=(n, 2))) / 5
    angles, line = np.pi / 4 * np.arange(8), np.arange(-4, 5, 2)
    means = np.stack([np.cos(angles), np.sin(angles)], 1) if data == "ring" else np.array([(x, y) for x in line for y in line], float)
    return means[draw.integers(len(means), size=n)] + {"ring": 0.01, "grid": 0.05}[data] * draw.normal(size=(n, 2))


def unlearned(recipe, kind, measures, seed):
    if kind == HISTOGRAM:
        return {"bits per dim": histogram_bits()}
    with tempfile.TemporaryDirectory() as folder:
        data = {"fgan-ring": "ring", "mmd-ring": "ring", "veegan-grid": "grid", "iaf-roll": "swiss-roll"}[recipe]
        x = points(data)
        mean, cov = x.mean(0), np.cov(x.T)
        if measures[0] == "":  # the expected log-density of the data under the Gaussian of their own moments
            return {"log p": float(-0.5 * np.log(np.linalg.det(2 * np.pi * np.e * cov)))}
        path = f"{folder}/fake.npy"
        np.save(path, np.random.default_rng(seed).multivariate_normal(mean, cov, 2500).astype(np.float32))
        return values("--real", data, "--fake", path, *measures[1:3])


def trial(name, part, seed, results):
    recipe, both, own, (floor, without), measures, _ = ROWS[name]
    if part == "ours":
        return learned(recipe, both + own, measures, seed)
    for other, row in ROWS.items():  # rows share their floors
        if (row[:2], row[3:5]) == (ROWS[name][:2], ROWS[name][3:5]) and str(seed) in results.get(other, {}).get("floor", {}):
            return results[other]["floor"][str(seed)]
    return unlearned(recipe, floor, measures, seed) if without is None else learned(recipe, both + without, measures, seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of rows with semicolons between; none: all")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    results = {}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            results = json.load(f)
    names = [n for n in ROWS if not options.only or n in options.only.split(";")]
    wanted = [(n, part, s) for n in names for s in range(options.seeds) for part in ("ours", "floor")
              if str(s) not in results.get(n, {}).get(part, {})]
    for name, part, seed in wanted:
        found = trial(name, part, seed, results)
        recipe, both, own, (floor, _), _, decides = ROWS[name]
        row = results.setdefault(name, {"ours": {}, "floor": {}})
        row.update(recipe="small networks, Fashion-MNIST" if recipe == GARMENTS else recipe, settings=both + own, against=floor, decides=decides,
                   lower=decides in LOWER)
        row[part][str(seed)] = found
        print(name, part, seed, {k: round(v, 4) for k, v in found.items() if v is not None}, flush=True)
        with open(RESULT, "w") as f:
            json.dump({n: results[n] for n in ROWS if n in results}, f, indent=1)
            f.write("\n")
    figures.main(["write"])


if __name__ == "__main__":
    main()
