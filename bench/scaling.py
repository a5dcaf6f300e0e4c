#!/usr/bin/env python3
"""How a training step's time and memory grow with batch, resolution and width: DCGAN-64 varied one way at a time.

usage: bench/scaling.py [--rounds 24]   writes docs/results/scaling.json and docs/images/scaling.svg; needs a quiet machine
       bench/scaling.py --draw          only draws what was measured before
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import compare  # noqa: E402

sys.path.insert(0, f"{compare.ROOT}/docs")
import plots  # noqa: E402

ROOT = compare.ROOT
RESULT, PICTURE = f"{ROOT}/docs/results/scaling.json", f"{ROOT}/docs/images/scaling.svg"
WIDTHS = [512, 256, 128, 64]  # of the generator's stages at width 1; the discriminator's are these from the end
STUDIES = {"batch": [8, 16, 32, 64, 128, 256], "resolution": [16, 32, 64, 128], "width": [0.25, 0.5, 1, 2]}
MIDDLE = {"batch": 64, "resolution": 64, "width": 1}


def measure(folder, rounds, batch, resolution, width):
    """Seconds of a round and the process's peak memory in MiB."""
    data = f"{folder}/{resolution}.npz"
    if not os.path.exists(data):
        compare.noise_pictures(data, 1024, resolution)
    channels = [int(width * c) for c in WIDTHS]
    kimg = rounds * batch / 1000
    words = [compare.PROGRAM, "train", f"{ROOT}/bench/recipes/dcgan-64.toml", "--out", f"{folder}/runs", "--quiet", "--set",
             f'data.source="{data}"', "--set", f"train.batch={batch}", "--set", f"generator.channels={channels}", "--set",
             f"discriminator.channels={channels[::-1]}", "--set", f"train.kimg={kimg}", "--set", f"train.stats_kimg={kimg / 8}"]
    reader, writer = os.pipe()
    process = os.posix_spawn(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1),
                                                                        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    os.close(writer)
    with os.fdopen(reader) as out:
        run = out.read().splitlines()[0]
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise SystemExit(f"obverse train failed: {words}")
    with open(f"{run}/stats.jsonl") as f:
        lines = [json.loads(line) for line in f][1:]
    spent = [(line["Progress/kimg"]["mean"], line["Timing/total_sec"]["mean"]) for line in lines]
    seconds = (spent[-1][1] - spent[0][1]) / (1000 * (spent[-1][0] - spent[0][0]) / batch)
    return {"seconds": seconds, "peak_mib": usage.ru_maxrss / 1024}


# ---- The picture -------------------------------------------------------------------------------------------------------

def draw(results):
    parts = []
    for column, (study, points) in enumerate(results.items()):
        last = points[-1]
        for row, (key, unit) in enumerate((("seconds", "seconds a round"), ("peak_mib", "peak MiB"))):
            lines = [([(p["at"], p[key]) for p in points], plots.COLOURS[1], None, None)]
            if key == "seconds":  # the cost in proportion to the work, through the largest point
                ideal = [(p["at"], last[key] * p["work"] / last["work"]) for p in points]
                ideal = [p for p in ideal if p[1] >= min(q[key] for q in points)]
                lines += [([a, b], "#999", "4 3", None) for a, b in zip(ideal, ideal[1:])]
            parts += [f'<g transform="translate(0,{310 * row})">', *plots.panel(350 * column, f"by {study}", study, unit, lines), "</g>"]
    plots.save(PICTURE, 1050, 630, parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--draw", action="store_true")
    a = parser.parse_args()
    if a.draw:
        with open(RESULT) as f:
            draw(json.load(f))
        return
    folder, results = tempfile.mkdtemp(), {}
    try:
        for study, values in STUDIES.items():
            results[study] = []
            for value in values:
                how = {**MIDDLE, study: value}
                # Multiplications: by pixels, and by channels in and out; the last to the image has three of them.
                work = how["batch"] * how["resolution"] ** 2 * how["width"] * (how["width"] + 3 / 64)
                results[study].append({"at": value, "work": work, **measure(folder, a.rounds, **how)})
                print(study, results[study][-1], file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder)
    with open(RESULT, "w") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    draw(results)


if __name__ == "__main__":
    main()
