#!/usr/bin/python3
"""Which metric sees what: Fashion-MNIST against itself, damaged in known ways and strengths. Writes docs/results/damage.json.

usage: studies/damage.py [--program build/release/obverse] [--metrics fid,pr] [--only noise,blur] [--data FOLDER]

The reference are 10,000 training images. What is judged are three independent draws of 1000 test images, as they are or damaged; Welch's test
over the draws says whether a metric tells damaged images from fresh ones. Needs NumPy and SciPy.
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
from scipy.stats import ttest_ind

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
METRICS = "fid,kid,mmd,swd,is,pr,dc,ndb,c2st,classes,intra,copies,ct"
DRAWS, POOL, N, REFERENCE = 3, 3000, 1000, 10_000


def idx(folder, name, header):
    with gzip.open(f"{folder}/{name}.gz") as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def noise(share, x, y, rng, train):
    return np.clip(np.rint(x[:N] + rng.normal(size=x[:N].shape) * 255 * share), 0, 255), y[:N]


def blur(pixels, x, y, rng, train):
    return np.rint(gaussian_filter(x[:N].astype(np.float64), (0, pixels, pixels))), y[:N]


def dropped(classes, x, y, rng, train):
    kept = y >= classes
    return x[kept][:N], y[kept][:N]


def repeated(times, x, y, rng, train):
    rows = np.arange(N) % (N // times)
    return x[rows], y[rows]


def copied(share, x, y, rng, train):
    rows, count = rng.permutation(len(train[0])), round(share * N)
    rows = rows[:count]
    return np.concatenate([train[0][rows], x[count:N]]), np.concatenate([train[1][rows], y[count:N]])


def relabelled(share, x, y, rng, train):
    wrong = rng.random(N) < share
    return x[:N], (y[:N] + wrong) % 10


DAMAGES = {
    "fresh": ("", lambda _, x, y, rng, train: (x[:N], y[:N]), [0]),
    "noise": ("standard deviation, of the range", noise, [0.02, 0.05, 0.1]),
    "blur": ("standard deviation, pixels", blur, [0.4, 0.6, 1]),
    "classes dropped": ("of ten", dropped, [1, 2, 5]),
    "images repeated": ("times", repeated, [2, 5, 20]),
    "training images": ("share", copied, [0.1, 0.5, 1]),
    "labels changed": ("share", relabelled, [0.1, 1]),
}


def evaluate(program, real, images, labels, metrics):
    """Values by label, and whether higher is better. A metric that refuses these samples is left out, with a word on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "samples.npz")
        np.savez(path, x=images.astype(np.uint8), y=labels.astype(np.int64))
        words = [program, "eval", "--real", real, "--fake", path, "--features", "fashion-mnist", "--metrics", ",".join(metrics),
                 "--samples", str(N), "--no-floors", "--json"]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        message = done.stderr.strip().splitlines()[-1]
        refused = [m for m in metrics if f" {m}: " in f" {message}"]
        if not refused or len(metrics) == 1:
            sys.exit(message)
        print(message, file=sys.stderr)
        return evaluate(program, real, images, labels, [m for m in metrics if m not in refused])
    lines = json.loads(done.stdout)
    return {line["label"][name]: (value, line["higher_is_better"][name]) for line in lines for name, value in line["results"].items()}


def summary(draws, fresh):
    figures = {}
    for label in draws[0]:
        values = [d[label][0] for d in draws if label in d]
        figure = {"value": float(np.mean(values)), "error": float(np.std(values, ddof=1) / len(values) ** 0.5), "higher_is_better": draws[0][label][1]}
        if fresh and len(values) == DRAWS:
            others = [d[label][0] for d in fresh]
            spread = np.std(values) + np.std(others)
            figure["p_value"] = float(ttest_ind(values, others, equal_var=False).pvalue) if spread > 1e-12 else float(np.mean(values) == np.mean(others))
        figures[label] = figure
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/build/release/obverse")
    parser.add_argument("--metrics", default=METRICS)
    parser.add_argument("--only", default="", help="kinds of damage, with commas; the others are kept as the file has them")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    options = parser.parse_args()
    path = f"{ROOT}/docs/results/damage.json"
    x, y = idx(options.data, "t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28), idx(options.data, "t10k-labels-idx1-ubyte", 8)
    train = idx(options.data, "train-images-idx3-ubyte", 16).reshape(-1, 28, 28), idx(options.data, "train-labels-idx1-ubyte", 8)
    order = np.random.default_rng(0).permutation(len(x))
    results, fresh = {}, None
    train = train[0][:REFERENCE], train[1][:REFERENCE]
    rest = order[DRAWS * POOL:]
    real = os.path.join(tempfile.mkdtemp(), "real.npz")
    np.savez(real, x_train=train[0], y_train=train[1].astype(np.int64), x_test=x[rest], y_test=y[rest].astype(np.int64))
    if options.only and os.path.exists(path):
        with open(path) as f:
            results = json.load(f)
    for kind, (unit, damage, strengths) in DAMAGES.items():
        if options.only and kind not in ["fresh", *options.only.split(",")]:
            continue
        rows = []
        for strength in strengths:
            draws = []
            for i in range(DRAWS):
                pool = order[i * POOL:(i + 1) * POOL]
                images, labels = damage(strength, x[pool], y[pool], np.random.default_rng(1 + i), train)
                draws.append(evaluate(options.program, real, images, labels, options.metrics.split(",")))
            fresh = fresh or draws
            rows.append({"strength": strength, "figures": summary(draws, None if kind == "fresh" else fresh)})
            print(kind, strength, {k: round(v["value"], 4) for k, v in rows[-1]["figures"].items()}, flush=True)
        results[kind] = {"unit": unit, "draws": DRAWS, "samples": N, "strengths": rows}
        with open(path, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
