#!/usr/bin/python3
"""Which histograms of gradients `obverse anomaly` takes, chosen without an anomaly in sight. Writes docs/results/anomaly_choice.json.

usage: studies/anomaly_choice.py MNIST_FOLDER [--classes 0,2,4,7,8]

Variants are judged by how well they tell normal images that were held out from distortions of the same ones: mirrored, turned by a quarter,
upper and lower half swapped, a square of 9x9 pixels pasted elsewhere, two images laid over one another. Score: Mahalanobis distance with
a shrunk covariance, learned on 3,000 images of one digit.
"""
import argparse
import gzip
import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGMA, FAINT = 1.0, 0.1
# name: directions, and cells as (side, step, padding)
VARIANTS = {"4 directions, cells of 3 every 2": (4, (3, 2, 1)), "8 directions, cells of 3 every 2": (8, (3, 2, 1)), "8 directions, cells of 4 every 4": (8, (4, 4, 0)),
            "8 directions, cells of 5 every 3": (8, (5, 3, 1)), "8 directions, cells of 7 every 4": (8, (7, 4, 0))}


def read_idx(path):
    with (gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb")) as f:
        data = f.read()
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return torch.from_numpy(np.frombuffer(data[4 + 4 * len(sizes):], np.uint8).reshape(sizes).copy())


def features(x, directions, cells):
    """x: [N, 28, 28] in [0, 1]."""
    bell = torch.exp(-torch.arange(-3, 4).float() ** 2 / (2 * SIGMA ** 2))
    bell /= bell.sum()
    x = F.conv2d(F.conv2d(x[:, None], bell.view(1, 1, 1, 7), padding=(0, 3)), bell.view(1, 1, 7, 1), padding=(3, 0))
    p = F.pad(x, (1, 1, 1, 1))
    across, down = p[:, :, 1:-1, 2:] - p[:, :, 1:-1, :-2], p[:, :, 2:, 1:-1] - p[:, :, :-2, 1:-1]
    length = (across ** 2 + down ** 2).sqrt()
    angle = torch.arange(directions).float().view(1, -1, 1, 1) * (2 * math.pi / directions)
    along = ((across * angle.cos() + down * angle.sin()) / (length + FAINT)).clamp_min(0)
    side, step, padding = cells
    return F.avg_pool2d(along ** 2 / (length / (length + FAINT) + 0.01), side, step, padding).flatten(1)


def distortions(x, generator):
    pasted = x.clone()
    for i in range(len(x)):
        y, u, v, w = torch.randint(4, 15, (4,), generator=generator).tolist()
        pasted[i, y:y + 9, u:u + 9] = x[i, v:v + 9, w:w + 9]
    return torch.cat([x.flip(2), x.rot90(1, (1, 2)), torch.cat([x[:, 14:], x[:, :14]], 1), pasted, torch.maximum(x, x.roll(1, 0))])


def auroc(normal, strange):
    both = torch.cat([normal, strange])
    rank = both.argsort().argsort()[len(normal):].double() + 1
    return float((rank.sum() - len(strange) * (len(strange) + 1) / 2) / (len(normal) * len(strange)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--classes", default="0,2,4,7,8")
    options = parser.parse_args()
    images = read_idx(f"{options.folder}/train-images-idx3-ubyte").float() / 255
    labels = read_idx(f"{options.folder}/train-labels-idx1-ubyte")
    results = {}
    for digit in map(int, options.classes.split(",")):
        own = images[labels == digit][:3300]
        normal, held_out = own[:3000], own[3000:]
        strange = distortions(held_out, torch.Generator().manual_seed(digit))
        for name, (directions, cells) in VARIANTS.items():
            learned, a, b = (features(x, directions, cells).double() for x in (normal, held_out, strange))
            mean = learned.mean(0)
            covariance = (learned - mean).T @ (learned - mean) / len(learned)
            for shrinkage in (0.05, 0.2):
                inverse = torch.linalg.inv(covariance + shrinkage * covariance.diag().mean() * torch.eye(len(mean)).double())
                distance = [((x - mean) @ inverse * (x - mean)).sum(1) for x in (a, b)]
                results.setdefault(f"{name}, shrinkage {shrinkage}", {})[str(digit)] = auroc(*distance)
    for row in results.values():
        row["mean"] = sum(row.values()) / len(row)
    with open(f"{ROOT}/docs/results/anomaly_choice.json", "w") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    for name, row in sorted(results.items(), key=lambda item: -item[1]["mean"]):
        print(f"{row['mean']:.4f}  {name}")


if __name__ == "__main__":
    main()
