#!/usr/bin/python3
"""Times FID, precision and recall, density and coverage beside NumPy, SciPy and scikit-learn, on features like those of
Inception: 2048 rectified and correlated numbers. Every job is run by both in turn; the table and the JSON give seconds,
their ratio, both values and both peaks of memory.

    ninja -C build/release metric_times
    OMP_NUM_THREADS=2 python3 bench/metrics.py --out metrics.json [--jobs fid:10000,pr:10000!] [--keep]

`pr:50000!` runs a job without the peer, whose matrix of all distances would not fit. --keep leaves other jobs in the file as they are."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH = 2048


def features(seed, n, shift, scale):
    """float32 [n, 2048], about 200 directions of different strength behind a rectifier."""
    mixing = np.random.default_rng(7).normal(size=(200, WIDTH)).astype(np.float32)
    mixing *= (np.arange(1, 201) ** -0.5).astype(np.float32)[:, None]
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 200)).astype(np.float32) * np.float32(scale)
    noise = rng.normal(size=(n, WIDTH)).astype(np.float32) * np.float32(0.3)
    return np.maximum(z @ mixing + noise + np.float32(shift), 0) * np.float32(0.25)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(HERE, "..", "build", "release", "metric_times"))
    parser.add_argument("--jobs", default="fid:10000,fid:50000,pr:10000,dc:10000,pr:50000!,dc:50000!")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--out")
    options = parser.parse_args()
    rows = []
    for job in options.jobs.split(","):
        metric, n = job.rstrip("!").split(":")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "features.npz")
            np.savez(path, real=features(1, int(n), 0.0, 1.0), fake=features(2, int(n), 0.02, 0.97))
            ours, peers = [], []
            for _ in range(options.rounds):
                ours.append(run([options.program, path, metric]))
                if not job.endswith("!"):
                    peers.append(run(["/usr/bin/python3", os.path.join(HERE, "peers", "metrics.py"), path, metric]))
        best = min(ours, key=lambda r: r["seconds"])
        row = {"metric": metric, "samples": int(n), "obverse": best}
        line = f"{metric:4} {n:>6}  obverse {best['seconds']:8.2f} s {best['peak_mib']:6} MiB {best['values']}"
        if peers:
            row["peer"] = peer = min(peers, key=lambda r: r["seconds"])
            row["ratio"] = round(peer["seconds"] / best["seconds"], 2)
            line += f"  peer {peer['seconds']:8.2f} s {peer['peak_mib']:6} MiB {peer['values']}  ratio {row['ratio']}"
        print(line, flush=True)
        rows.append(row)
    if options.out:
        if options.keep:
            with open(options.out) as file:
                new = {(row["metric"], row["samples"]) for row in rows}
                rows = sorted([row for row in json.load(file)["rows"] if (row["metric"], row["samples"]) not in new] + rows,
                              key=lambda row: (["fid", "pr", "dc"].index(row["metric"]), row["samples"]))
        with open(options.out, "w") as file:
            json.dump({"threads": os.environ.get("OMP_NUM_THREADS", ""), "width": WIDTH, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
