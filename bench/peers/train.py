"""Training rates of plain PyTorch, as its users write it, for bench/compare.py.

usage: python3 train.py JOB [--precision float32|bfloat16] [--channels-last] [--compile] [--seconds 6] [--threads 2]
Jobs: dcgan-64, r3gan-32, wgan-gp-64, ring. Prints one JSON line: images a second of real data shown, and peak memory.
Needs PyTorch 1.13 or later.
"""
import argparse
import json
import math
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F


def up(inputs, outputs):
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True))


def dcgan_generator(z_dim=100, width=64):
    return nn.Sequential(nn.ConvTranspose2d(z_dim, 8 * width, 4, 1, 0, bias=False), nn.BatchNorm2d(8 * width), nn.ReLU(True),
                         up(8 * width, 4 * width), up(4 * width, 2 * width), up(2 * width, width),
                         nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh())


def down(inputs, outputs, norm):
    middle = [nn.BatchNorm2d(outputs)] if norm else []
    return nn.Sequential(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not norm), *middle, nn.LeakyReLU(0.2, True))


def dcgan_discriminator(norm=True, width=64):
    return nn.Sequential(nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True), down(width, 2 * width, norm),
                         down(2 * width, 4 * width, norm), down(4 * width, 8 * width, norm), nn.Conv2d(8 * width, 1, 4),
                         nn.Flatten(0))


class Block(nn.Module):
    def __init__(self, channels, group=16, expansion=2):
        super().__init__()
        inner = channels * expansion
        self.expand = nn.Conv2d(channels, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, 1, 1, groups=inner // group)
        self.reduce = nn.Conv2d(inner, channels, 1, bias=False)

    def forward(self, x):
        return x + self.reduce(F.leaky_relu(self.mix(F.leaky_relu(self.expand(x), 0.2)), 0.2))


class Resample(nn.Module):
    def __init__(self, channels, larger):
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filter", torch.outer(line, line).expand(channels, 1, 3, 3).contiguous())
        self.larger = larger

    def forward(self, x):
        f, groups = self.filter.to(x.dtype), x.shape[1]
        if self.larger:
            return F.conv_transpose2d(x, 4 * f, stride=2, padding=1, output_padding=1, groups=groups)
        return F.conv2d(x, f, stride=2, padding=1, groups=groups)


class R3ganGenerator(nn.Module):
    def __init__(self, z_dim=64, channels=(128, 64, 32)):
        super().__init__()
        self.basis = nn.Parameter(torch.randn(channels[0], 8, 8))
        self.linear = nn.Linear(z_dim, channels[0], bias=False)
        layers = []
        for i, c in enumerate(channels):
            if i > 0:
                layers += [nn.Conv2d(channels[i - 1], c, 1, bias=False), Resample(c, larger=True)]
            layers += [Block(c), Block(c)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], 3, 1, bias=False))

    def forward(self, z):
        return self.layers(self.linear(z)[:, :, None, None] * self.basis)


class R3ganDiscriminator(nn.Module):
    def __init__(self, channels=(32, 64, 128)):
        super().__init__()
        layers = [nn.Conv2d(3, channels[0], 1, bias=False)]
        for i, c in enumerate(channels):
            if i > 0:
                layers += [Resample(channels[i - 1], larger=False), nn.Conv2d(channels[i - 1], c, 1, bias=False)]
            layers += [Block(c), Block(c)]
        self.layers = nn.Sequential(*layers)
        self.basis = nn.Parameter(torch.randn(channels[-1], 8, 8) / 8)
        self.head = nn.Linear(channels[-1], 1, bias=False)

    def forward(self, x):
        return self.head((self.layers(x) * self.basis).sum((2, 3))).flatten()


def mlp(inputs, outputs, slope):
    return nn.Sequential(nn.Linear(inputs, 128), nn.LeakyReLU(slope), nn.Linear(128, 128), nn.LeakyReLU(slope),
                         nn.Linear(128, outputs))


def squared_gradient(logits, x):
    g, = torch.autograd.grad(logits.float().sum(), x, create_graph=True)
    return g.float().flatten(1).square().sum(1)


class Job:
    """What one round computes; `networks` may be replaced by compiled ones."""

    def __init__(self, name):
        self.name, self.critic_steps = name, 5 if name == "wgan-gp-64" else 1
        self.batch, self.z_dim, self.betas, self.shape = 64, 100, (0.5, 0.999), (3, 64, 64)
        if name == "dcgan-64":
            self.G, self.D = dcgan_generator(), dcgan_discriminator()
        elif name == "wgan-gp-64":
            self.G, self.D, self.betas = dcgan_generator(), dcgan_discriminator(norm=False), (0.0, 0.9)
        elif name == "r3gan-32":
            self.G, self.D, self.z_dim, self.shape, self.betas = R3ganGenerator(), R3ganDiscriminator(), 64, (3, 32, 32), (0.0, 0.99)
        elif name == "ring":
            self.G, self.D, self.z_dim, self.shape, self.betas, self.batch = mlp(2, 2, 0.2), mlp(2, 1, 0.2), 2, (2,), (0.0, 0.99), 256
        else:
            raise SystemExit(f"no job {name}")

    def latents(self):
        z = torch.randn(self.batch, self.z_dim)
        return z[:, :, None, None] if self.name.endswith("-64") else z

    def discriminator_loss(self, real, autocast):
        with torch.no_grad(), autocast():
            fake = self.G(self.latents())
        fake = fake.float()
        if self.name == "dcgan-64":
            with autocast():
                a, b = self.D(real), self.D(fake)
            return F.softplus(-a.float()).mean() + F.softplus(b.float()).mean()
        if self.name == "wgan-gp-64":
            t = torch.rand(self.batch, 1, 1, 1)
            between = (real + t * (fake - real)).requires_grad_()
            with autocast():
                a, b, c = self.D(real), self.D(fake), self.D(between)
            return (b - a).float().mean() + 10 * (squared_gradient(c, between).sqrt() - 1).square().mean()
        real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
        with autocast():
            a, b = self.D(real), self.D(fake)
        penalty = squared_gradient(a, real) + squared_gradient(b, fake)
        return (F.softplus((b - a).float()) + 0.5 * penalty).mean()

    def generator_loss(self, real, autocast):
        with autocast():
            b = self.D(self.G(self.latents())).float()
            if self.name == "dcgan-64":
                return F.softplus(-b).mean()
            if self.name == "wgan-gp-64":
                return -b.mean()
            return F.softplus(self.D(real).float() - b).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("job")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    job = Job(a.job)
    images = len(job.shape) == 3
    data = torch.rand(4096, *job.shape) * 2 - 1
    if a.channels_last and images:
        data = data.to(memory_format=torch.channels_last)
        job.G.to(memory_format=torch.channels_last)
        job.D.to(memory_format=torch.channels_last)
    if a.compile:
        job.G, job.D = torch.compile(job.G), torch.compile(job.D)

    def autocast():
        return torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bfloat16")

    d_step = torch.optim.Adam(job.D.parameters(), 2e-4, job.betas)
    g_step = torch.optim.Adam(job.G.parameters(), 2e-4, job.betas)

    def batch():
        return data[torch.randint(len(data), (job.batch,))]

    def play_round():
        for _ in range(job.critic_steps):
            d_step.zero_grad()
            job.discriminator_loss(batch(), autocast).backward()
            d_step.step()
        g_step.zero_grad()
        for p in job.D.parameters():
            p.requires_grad_(False)
        loss = job.generator_loss(batch(), autocast)
        loss.backward()
        for p in job.D.parameters():
            p.requires_grad_(True)
        g_step.step()
        assert math.isfinite(loss.item())

    for _ in range(3):
        play_round()
    rounds, started = 0, time.time()
    while time.time() - started < a.seconds:
        play_round()
        rounds += 1
    seconds = time.time() - started
    print(json.dumps({"images_per_second": rounds * job.batch * job.critic_steps / seconds, "rounds_per_second": rounds / seconds,
                      "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
