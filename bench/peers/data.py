"""Two passes over a data set into batches with PyTorch's DataLoader and 2 workers, for bench/compare.py.

usage: python3 data.py FOLDER_OF_PNG|FASHION_MNIST_FOLDER [--batch 64] [--workers 2]
Prints one JSON line: images a second of the first pass, opening included, and of the second.
"""
import argparse
import glob
import gzip
import json
import os
import time

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Pictures(Dataset):
    def __init__(self, folder):
        self.paths = sorted(glob.glob(f"{folder}/**/*.png", recursive=True))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        from PIL import Image
        x = torch.from_numpy(np.array(Image.open(self.paths[i]).convert("RGB")))
        return x.permute(2, 0, 1).float() / 127.5 - 1


class Idx(Dataset):
    def __init__(self, folder):
        with gzip.open(f"{folder}/train-images-idx3-ubyte.gz") as f:
            self.x = torch.from_numpy(np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i].float() / 127.5 - 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(2)
    started = time.time()
    rates = []
    data = Idx(a.source) if os.path.exists(f"{a.source}/train-images-idx3-ubyte.gz") else Pictures(a.source)
    loader = DataLoader(data, a.batch, shuffle=True, drop_last=True, num_workers=a.workers, persistent_workers=a.workers > 0)
    for _ in range(2):
        seen = sum(len(batch) for batch in loader)
        rates.append(seen / (time.time() - started))
        started = time.time()
    print(json.dumps({"first": rates[0], "later": rates[1], "torch": torch.__version__}))


if __name__ == "__main__":
    main()
