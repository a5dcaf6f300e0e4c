#!/usr/bin/env python3
"""Obverse and PyTorch side by side on this machine, in alternating pairs; writes docs/results/performance.json.

usage: bench/compare.py [--jobs train-dcgan-64,...] [--pairs 5] [--seconds 5] [--python PYTHON] [--peer-b ROOT] [--print]

Peer A is the PyTorch of PYTHON (python3), peer B that of the root folder ROOT (a debootstrap of a later Debian with
python3-torch, python3-numpy, python3-pil), run by chroot. Each peer is tried once in each of its settings and plays in
the fastest. A quiet machine is needed: nothing else may run.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import tables  # noqa: E402
PROGRAM, RATES = f"{ROOT}/build/release/obverse", f"{ROOT}/build/release/rates"
PEERS, RESULT = f"{ROOT}/bench/peers", f"{ROOT}/docs/results/performance.json"
FASHION_MNIST = "/usr/share/datasets/fashion-mnist"


def run(words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, **options).stdout


# ---- What is worked on -----------------------------------------------------------------------------------------------

def noise_pictures(path, count, size):
    """An NPZ of smooth random pictures, uint8 [count, size, size, 3]; no NumPy needed."""
    tile = bytes(range(256)) * (size * size * 3 // 256 + 2)
    rows = b"".join(tile[i % 256:i % 256 + size * size * 3] for i in range(count))
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, {size}, {size}, 3), }}"
    header = header.ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + rows
    name = b"arr_0.npy"
    checksum = zlib.crc32(array)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0x21, checksum, len(array), len(array), len(name), 0) + name
    central = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 0x21, checksum, len(array), len(array),
                          len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), len(local) + len(array), 0)
    with open(path, "wb") as f:
        f.write(local + array + central + end)


def png(pixels, size):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + pixels[r * size * 3:(r + 1) * size * 3] for r in range(size))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(lines, 6)) + chunk(b"IEND", b"")


def folder_of_pictures(path, count, size):
    os.makedirs(path)
    for i in range(count):  # a gradient under some noise: as large on disk as a photograph's thumbnail
        noise = os.urandom(size * size * 3)
        pixels = bytes((n >> 3) + ((j // 3 % size + j // (3 * size) + i) & 0x7F) for j, n in enumerate(noise))
        with open(f"{path}/{i:05}.png", "wb") as f:
            f.write(png(pixels, size))


class Bench:
    def __init__(self, a):
        self.seconds, self.pairs = a.seconds, a.pairs
        self.peers = {"A": ([a.python], "")}
        self.folder = tempfile.mkdtemp(dir="/tmp")
        if a.peer_b:  # the same folder, seen from inside its root
            self.inside = f"{a.peer_b}{self.folder}"
            shutil.copytree(PEERS, f"{self.inside}/peers")
            self.peers["B"] = (["chroot", a.peer_b, "python3"], self.inside)
        shutil.copytree(PEERS, f"{self.folder}/peers")
        self.root_b = a.peer_b

    def close(self):
        shutil.rmtree(self.folder)
        if self.root_b:
            shutil.rmtree(self.inside)

    def made(self, name, make):
        """The path of something made once, in both roots."""
        path = f"{self.folder}/{name}"
        if not os.path.exists(path):
            make(path)
            if self.root_b:
                copy = shutil.copytree if os.path.isdir(path) else shutil.copy
                copy(path, f"{self.inside}/{name}")
        return path

    def pictures(self, size):
        return self.made(f"pictures{size}.npz", lambda path: noise_pictures(path, 4096, size))

    def model(self):
        """A DCGAN-64 after a moment of training: what is timed does not depend on what it has learned."""
        def train(path):
            out = run([PROGRAM, "train", f"{ROOT}/bench/recipes/dcgan-64.toml", "--out", f"{self.folder}/models", "--quiet", "--set",
                       f'data.source="{self.pictures(64)}"', "--set", "train.kimg=6.4"]).splitlines()[0]
            shutil.copy(f"{out}/model.safetensors", path)
        return self.made("dcgan-64.safetensors", train)

    def peer(self, which, script, *words):
        command, _ = self.peers[which]
        return json.loads(run([*command, f"{self.folder}/peers/{script}", *map(str, words)]).splitlines()[-1])


# ---- Jobs: what we do, what the peers do in each of their settings ----------------------------------------------------

EAGER, LAST, HALF = [], ["--channels-last"], ["--channels-last", "--precision", "bfloat16"]
COMPILED = [*HALF, "--compile"]


class Train:
    """Images a second of training: `obverse train` as anyone would call it, its own line of figures."""
    unit, better = "images/s", "more"

    def __init__(self, name, size, precision="auto"):
        self.name, self.size, self.precision, self.rate = name, size, precision, 0

    def ours(self, bench):
        def train(kimg):
            words = [PROGRAM, "train", f"{ROOT}/bench/recipes/{self.name}.toml", "--out", f"{bench.folder}/runs", "--quiet", "--precision",
                     self.precision, "--set", f"train.kimg={kimg}", "--set", f"train.stats_kimg={kimg / 8}"]
            if self.size:
                words += ["--set", f'data.source="{bench.pictures(self.size)}"']
            words = ["/usr/bin/env", "time", "-f", "peak %M", *words] if shutil.which("time") else words
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            with open(f"{done.stdout.splitlines()[0]}/stats.jsonl") as f:
                lines = [json.loads(line) for line in f][1:]
            spent = [(line["Progress/kimg"]["mean"], line["Timing/total_sec"]["mean"]) for line in lines]
            memory = re.search(r"peak (\d+)", done.stderr)
            return {"value": 1000 * (spent[-1][0] - spent[0][0]) / (spent[-1][1] - spent[0][1]),
                    "peak_mib": int(memory[1]) / 1024 if memory else None}
        if not self.rate:
            self.rate = train(2.56 if self.size else 51.2)["value"]  # 40 or 200 batches of 64 or 256
        rounds = 8 * (5 if self.name == "wgan-gp-64" else 1)  # so many at least, in batches
        return train(max(self.rate * bench.seconds, rounds * 64) / 1000)

    def theirs(self, bench, which, setting):
        result = bench.peer(which, "train.py", self.name, "--seconds", bench.seconds, *setting)
        return {"value": result["images_per_second"], "peak_mib": result["peak_mib"]}

    def settings(self, which):
        if not self.size:
            return [EAGER] + ([["--compile"]] if which == "B" else [])
        return [EAGER, LAST, HALF] + ([COMPILED] if which == "B" and self.name == "dcgan-64" else [])


class Sample:
    def __init__(self, batch):
        self.name, self.batch = f"dcgan-64, batch {batch}", batch
        self.unit, self.better, self.key = ("images/s", "more", "images_per_second") if batch > 1 else ("ms", "less", "median_ms")

    def ours(self, bench):
        result = json.loads(run([RATES, "sample", bench.model(), str(self.batch), str(bench.seconds), "auto"]))
        return {"value": result[self.key], **result}

    def theirs(self, bench, which, setting):
        result = bench.peer(which, "sample.py", bench.model(), "--batch", self.batch, "--seconds", bench.seconds, *setting)
        return {"value": result[self.key], **result}

    def settings(self, which):
        return [EAGER, LAST, HALF, ["--script"], [*HALF, "--script"]] + ([COMPILED] if which == "B" else [])


class ColdSample:
    name, unit, better = "64 PNGs from a cold start", "s", "less"

    def timed(self, words):
        started = time.time()
        run(words)
        return {"value": time.time() - started}

    def ours(self, bench):
        return self.timed([PROGRAM, "sample", bench.model(), "--seeds", "0-63", "--out", f"{bench.folder}/ours"])

    def theirs(self, bench, which, setting):
        command, inside = bench.peers[which]
        folder = f"{bench.folder}/theirs"
        os.makedirs(f"{inside}/theirs" if inside else folder, exist_ok=True)
        return self.timed([*command, f"{bench.folder}/peers/sample.py", bench.model(), "--png", folder, *setting])

    def settings(self, which):
        return [EAGER, HALF]


class Data:
    unit, better = "images/s", "more"

    def __init__(self, name, which_pass):
        self.name, self.which_pass = name, which_pass

    def source(self, bench):
        if self.name == "fashion-mnist":
            return FASHION_MNIST
        return bench.made("folder", lambda path: folder_of_pictures(path, 20000, 64))

    def ours(self, bench):
        source = self.name if self.name == "fashion-mnist" else self.source(bench)
        return {"value": json.loads(run([RATES, "data", source, "64"]))[self.which_pass]}

    def theirs(self, bench, which, setting):
        source = self.source(bench)
        if which == "B" and self.name == "fashion-mnist":
            source = "/tmp/fashion-mnist"
            if not os.path.exists(f"{bench.root_b}{source}"):
                shutil.copytree(FASHION_MNIST, f"{bench.root_b}{source}")
        return {"value": bench.peer(which, "data.py", source, *setting)[self.which_pass]}

    def settings(self, which):
        return [EAGER]


JOBS = {"train-dcgan-64": Train("dcgan-64", 64), "train-r3gan-32": Train("r3gan-32", 32),
        "train-wgan-gp-64": Train("wgan-gp-64", 64), "train-ring": Train("ring", 0), "sample-64": Sample(64),
        "sample-1": Sample(1), "sample-cold": ColdSample(), "data-fashion-mnist": Data("fashion-mnist", "first"),
        "data-fashion-mnist-again": Data("fashion-mnist", "later"), "data-folder": Data("20,000 PNGs of 64x64", "first"),
        "data-folder-again": Data("20,000 PNGs of 64x64", "later")}


# ---- The comparison --------------------------------------------------------------------------------------------------

def compare(bench, name):
    job = JOBS[name]
    best, tried = {}, {}
    for which in bench.peers:
        for setting in job.settings(which):
            try:
                value = job.theirs(bench, which, setting)["value"]
            except subprocess.CalledProcessError as error:
                print(f"  {which} {' '.join(setting)}: failed: {error.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            tried[f"{which} {' '.join(setting) or 'eager'}"] = value
            print(f"  {which} {' '.join(setting) or 'eager'}: {value:.4g} {job.unit}", file=sys.stderr, flush=True)
            if which not in best or (value > best[which][0]) == (job.better == "more"):
                best[which] = (value, setting)
    ours, ratios = [], {which: [] for which in best}
    theirs = {which: [] for which in best}
    for _ in range(bench.pairs):
        mine = job.ours(bench)
        ours.append(mine)
        for which, (_, setting) in best.items():
            other = job.theirs(bench, which, setting)
            theirs[which].append(other)
            ratio = mine["value"] / other["value"]
            ratios[which].append(ratio if job.better == "more" else 1 / ratio)
    result = {"unit": job.unit, "ours": summary(ours), "tried": tried, "peers": {}}
    for which, (_, setting) in best.items():
        result["peers"][which] = {"setting": " ".join(setting) or "eager", **summary(theirs[which]),
                                  "ratio": statistics.median(ratios[which]), "ratio_least": min(ratios[which]),
                                  "ratio_most": max(ratios[which])}
    return result


def summary(measurements):
    return {key: statistics.median([m[key] for m in measurements]) for key in measurements[0]
            if all(m.get(key) is not None and not isinstance(m[key], str) for m in measurements)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", default=",".join([*JOBS, "invert"]))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--python", default="python3")
    parser.add_argument("--peer-b", default="")
    parser.add_argument("--print", action="store_true", help="only print the table of what was measured before")
    a = parser.parse_args()
    results = {}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            results = json.load(f)
    if not a.print:
        bench = Bench(a)
        try:
            results["peak"] = [json.loads(line) for line in run([RATES, "peak"]).splitlines()]
            print(results["peak"], file=sys.stderr)
            for name in a.jobs.split(","):
                if name == "invert":  # a table of its own, kept in docs/results/inversion.json
                    subprocess.run([f"{ROOT}/bench/inversion.py", "--python", a.python, "--peer-b", a.peer_b], check=True)
                    continue
                if name not in JOBS:
                    raise SystemExit(f"no job {name}: use {', '.join(JOBS)}, invert")
                print(name, file=sys.stderr, flush=True)
                results[name] = compare(bench, name)
                with open(RESULT, "w") as f:
                    json.dump(results, f, indent=1, sort_keys=True)
                    f.write("\n")
        finally:
            bench.close()
    print(tables.table(results))


if __name__ == "__main__":
    main()
