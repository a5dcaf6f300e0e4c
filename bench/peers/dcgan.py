"""A plain PyTorch DCGAN on Fashion-MNIST, as its users write it: the peer of recipes/fashion-mnist.toml.

Pads to 32x32, trains for so many minutes (or images), and writes 10,000 samples of the averaged generator, cropped back to
28x28, for `obverse eval --real fashion-mnist --fake samples.npz`.

usage: python3 dcgan.py OUT.npz [--minutes 7] [--images N] [--seed 0] [--data /usr/share/datasets/fashion-mnist]
Needs PyTorch 1.13 or later and NumPy; bfloat16 autocast and channels-last are used where they help (PyTorch 2).
"""
import argparse
import copy
import gzip
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def generator(z_dim=100):
    def up(inputs, outputs, *rest):
        return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    return nn.Sequential(nn.ConvTranspose2d(z_dim, 256, 4, 1, 0, bias=False), nn.BatchNorm2d(256), nn.ReLU(),
                         up(256, 128), up(128, 64), nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh())


def discriminator():
    def down(inputs, outputs):
        return nn.Sequential(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))

    return nn.Sequential(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), down(64, 128), down(128, 256), nn.Conv2d(256, 1, 4),
                         nn.Flatten(0))


def init(module):
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=7)
    parser.add_argument("--images", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    a = parser.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(2)
    autocast = torch.__version__ >= "2"
    with gzip.open(f"{a.data}/train-images-idx3-ubyte.gz") as f:
        x = torch.from_numpy(np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())
    x = F.pad(x.float() / 127.5 - 1, (2, 2, 2, 2), value=-1)
    G, D = generator().apply(init), discriminator().apply(init)
    G, D = G.to(memory_format=torch.channels_last), D.to(memory_format=torch.channels_last)
    average = copy.deepcopy(G)
    g_step = torch.optim.Adam(G.parameters(), 2e-4, (0.5, 0.999))
    d_step = torch.optim.Adam(D.parameters(), 2e-4, (0.5, 0.999))
    batch, seen, started, order = 64, 0, time.time(), []
    while (seen < a.images) if a.images else (time.time() - started < 60 * a.minutes):
        if len(order) < batch:
            order = torch.randperm(len(x)).tolist()
        rows, order = order[:batch], order[batch:]
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            fake = G(torch.randn(batch, 100, 1, 1))
            d_loss = F.softplus(-D(x[rows])).mean() + F.softplus(D(fake.detach())).mean()
        d_step.zero_grad()
        d_loss.backward()
        d_step.step()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            g_loss = F.softplus(-D(fake)).mean()
        g_step.zero_grad()
        g_loss.backward()
        g_step.step()
        seen += batch
        beta = min(0.5 ** (batch / 5000), (1 + seen / batch) / (10 + seen / batch))
        with torch.no_grad():
            for old, new in zip(list(average.parameters()) + list(average.buffers()), list(G.parameters()) + list(G.buffers())):
                old.lerp_(new, 1 - beta) if old.is_floating_point() else old.copy_(new)
    print(f"{seen} images in {time.time() - started:.0f} s")
    average.eval()
    with torch.no_grad():
        samples = torch.cat([average(torch.randn(500, 100, 1, 1)) for _ in range(20)])
    np.savez(a.out, arr_0=((samples[:, :, 2:-2, 2:-2] * 127.5 + 127.5).round().clamp(0, 255)).byte().numpy())


if __name__ == "__main__":
    main()
