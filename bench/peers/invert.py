"""The textbook inversion in plain PyTorch, for bench/inversion.py: for each image Adam on one code from a random start.

usage: python3 invert.py MODEL.safetensors TARGETS.zip [--count 4] [--steps 1000] [--lr 0.05] [--batched] [--channels-last] [--precision ...]
TARGETS.zip: pictures, as `obverse data prepare` packs them; a conditional generator is told their labels. Prints one JSON line: seconds an
image, median and 95th percentile of the mean squared error in [-1, 1].
"""
import argparse
import io
import json
import time
import zipfile

import numpy as np
import torch
from PIL import Image

from generator import load_generator, set_labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("targets")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--batched", action="store_true", help="all images at once, not one by one")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    G = load_generator(a.model)
    for p in G.parameters():
        p.requires_grad_(False)
    layout = torch.channels_last if a.channels_last else torch.contiguous_format
    G = G.to(memory_format=layout)
    with zipfile.ZipFile(a.targets) as pack:
        names = sorted(n for n in pack.namelist() if n.endswith(".png"))[: a.count]
        pictures = [np.array(Image.open(io.BytesIO(pack.read(n)))) for n in names]
        labels = dict(json.loads(pack.read("dataset.json"))["labels"] or []) if "dataset.json" in pack.namelist() else {}
    classes = torch.tensor([labels.get(n, 0) for n in names])
    x = torch.from_numpy(np.stack(pictures)).reshape(len(pictures), *pictures[0].shape[:2], -1)
    x = (x.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=layout)
    errors, started = [], time.time()
    size = len(x) if a.batched else 1
    for target, label in zip(x.split(size), classes.split(size)):
        set_labels(G, label)
        z = torch.randn(len(target), G[0].in_channels, 1, 1, requires_grad=True)
        step = torch.optim.Adam([z], a.lr)
        for _ in range(a.steps):
            step.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bfloat16"):
                y = G(z)
            loss = (y.float() - target).square().flatten(1).mean(1)
            loss.sum().backward()
            step.step()
        errors += loss.tolist()
    seconds = time.time() - started
    print(json.dumps({"seconds_an_image": seconds / len(x), "median": float(np.median(errors)),
                      "p95": float(np.percentile(errors, 95)), "torch": torch.__version__}))


if __name__ == "__main__":
    main()
