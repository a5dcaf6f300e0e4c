"""Samples a second and latency of plain PyTorch with the generator of an Obverse model file, for bench/compare.py.

usage: python3 sample.py MODEL.safetensors [--batch 64] [--precision float32|bfloat16] [--channels-last] [--compile]
       [--script] [--seconds 4] [--png FOLDER --count 64]
Prints one JSON line. With --png it writes so many PNGs instead of timing itself: the whole command is what is timed.
"""
import argparse
import json
import resource
import time

import torch

from generator import load_generator


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--script", action="store_true", help="trace and freeze with TorchScript")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--png")
    parser.add_argument("--count", type=int, default=64)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    G = load_generator(a.model)
    z_dim = G[0].in_channels
    if a.channels_last:
        G = G.to(memory_format=torch.channels_last)

    def autocast():
        return torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bfloat16")

    with torch.no_grad():
        if a.png:
            from PIL import Image
            with autocast():
                x = G(torch.randn(a.count, z_dim, 1, 1)).float()
            x = ((x + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
            for i, picture in enumerate(x):
                Image.fromarray(picture).save(f"{a.png}/seed{i:04}.png")
            return
        if a.script:
            with autocast():
                G = torch.jit.freeze(torch.jit.trace(G, torch.randn(a.batch, z_dim, 1, 1)))
        if a.compile:
            G = torch.compile(G)
        times = []
        started = time.perf_counter()
        while time.perf_counter() - started < a.seconds + 1:
            begin = time.perf_counter()
            with autocast():
                G(torch.randn(a.batch, z_dim, 1, 1)).float()
            if begin - started > 1:
                times.append(time.perf_counter() - begin)
    times.sort()
    print(json.dumps({"images_per_second": a.batch * len(times) / sum(times), "median_ms": 1e3 * times[len(times) // 2],
                      "p99_ms": 1e3 * times[int(0.99 * len(times))],
                      "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
