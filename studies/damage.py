#!/usr/bin/python3
"""Which metric sees what: Fashion-MNIST against itself, damaged in known ways. Writes docs/results/damage.json.

usage: studies/damage.py [--program build/release/obverse] [--samples 5000] [--metrics fid,pr] [--only noise,blur]

The reference is the training set; what is judged are test images as they are (two halves) or damaged. Needs NumPy and SciPy.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from scipy.ndimage import gaussian_filter

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = "/usr/share/datasets/fashion-mnist"
METRICS = "fid,fid_infinity,kid,mmd,swd,is,pr,dc,ndb,c2st,classes,intra,copies,ct"


def idx(name, header):
    with gzip.open(f"{DATA}/{name}.gz") as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def conditions(n):
    rng = np.random.default_rng(0)
    x = idx("t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    y = idx("t10k-labels-idx1-ubyte", 8).astype(np.int64)
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    train_x = idx("train-images-idx3-ubyte", 16).reshape(-1, 28, 28)[:n]
    train_y = idx("train-labels-idx1-ubyte", 8).astype(np.int64)[:n]
    a, labels = x[:n], y[:n]
    noise = np.clip(np.rint(a + rng.normal(size=a.shape) * 25.5), 0, 255).astype(np.uint8)
    blur = np.stack([np.rint(gaussian_filter(image.astype(np.float64), 1.0)) for image in a]).astype(np.uint8)
    half = np.isin(y, [0, 1, 2, 3, 4])
    few = np.arange(n) % (n // 10)
    return {
        "fresh": (a, labels),
        "fresh, other half": (x[n:2 * n], y[n:2 * n]),
        "noise": (noise, labels),
        "blur": (blur, labels),
        "5 classes": (x[half][:n], y[half][:n]),
        "10 copies each": (a[few], labels[few]),
        "training images": (train_x, train_y),
        "swapped labels": (a, (labels + 1) % 10),
    }


def evaluate(program, images, labels, metrics):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "samples.npz")
        np.savez(path, x=images, y=labels)
        words = [program, "eval", "--real", "fashion-mnist", "--fake", path, "--metrics", metrics, "--samples",
                 str(len(images)), "--json"]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    figures = {}
    for line in json.loads(done.stdout):
        for name, value in line["results"].items():
            figures[line["label"][name]] = {"value": value, "low": line["low"][name], "high": line["high"][name],
                                            "name": name, "features": line["features"], "n_fake": line["n_fake"]}
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/build/release/obverse")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--metrics", default=METRICS)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    path = f"{ROOT}/docs/results/damage.json"
    results = {}
    if options.only and os.path.exists(path):
        with open(path) as f:
            results = json.load(f)
    for name, (images, labels) in conditions(options.samples).items():
        if options.only and name not in options.only.split(","):
            continue
        results[name] = evaluate(options.program, images, labels, options.metrics)
        print(name, {k: round(v["value"], 4) for k, v in results[name].items()}, flush=True)
        with open(path, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
