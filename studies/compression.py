#!/usr/bin/python3
"""What compressing images by a model's latents is worth. Writes docs/results/compression.json, docs/images/compression.svg and .png.

usage: studies/compression.py lossless NAME RUN [--count 10000]   a VAE or MADE against PNG, WebP, zstd and xz on the test images of its data
       studies/compression.py lossy RUN [--count 1000]            a model with an encoder against JPEG, WebP, PCA and DCT on Fashion-MNIST's
       studies/compression.py draw                                the pictures anew from the file
Options: --program build/release/obverse, --data FOLDER of IDX files, --refine STEPS. Needs NumPy, SciPy, Pillow with WebP, PyTorch for the
classifier's features, zstd and xz. What is counted: of JPEG the scan's bytes alone, of WebP the frame's without its start code and size, of PCA
and DCT the ideal length of a range coder that knows each coefficient's distribution over the training images; no checksum, no header. Of ours the
code, its length of 1 or 2 bytes and its checksum of 2.
"""
import argparse
import gzip
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import plots  # noqa: E402

RESULT = f"{ROOT}/docs/results/compression.json"
SIZES = [10, 15, 20, 30, 50, 75, 100, 150, 200]
SHOWN, SHOWN_IMAGES = [10, 20, 50, 100, 200], 16


def idx(path):
    for name, opener in ((path, open), (f"{path}.gz", gzip.open)):
        if os.path.exists(name):
            with opener(name, "rb") as f:
                return np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    sys.exit(f"{path}: missing: name the folder by --data")


def obverse(options, *words):
    done = subprocess.run([options.program, *words, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return json.loads(done.stdout)


def decoded(options, run, file, *words):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/images.npz"
        summary = obverse(options, "decompress", run, file, "--out", out, *words)
        return np.load(out)["images"], summary


def saved(image, kind, **how):
    memory = io.BytesIO()
    image.save(memory, kind, **how)
    return memory.getvalue()


# Lossless

def lossless(options):
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/images.obv"
        ours = obverse(options, "compress", options.run, "--count", str(options.count), "--out", file, *options.more)
        back, summary = decoded(options, options.run, file)
        images = np.ascontiguousarray(idx(f"{options.data}/t10k-images-idx3-ubyte")[:options.count])
        if "--binarise" in options.more:
            images = (images > 127).astype(np.uint8) * 255
        if not np.array_equal(back[:, 0], images):
            sys.exit("the images that came back are not those that went in")
        raw = f"{folder}/raw"
        images.tofile(raw)
        side = -(-len(images) // 100)
        sheet = np.zeros((side * 28, 2800), np.uint8)
        for i, image in enumerate(images):
            sheet[i // 100 * 28:i // 100 * 28 + 28, i % 100 * 28:i % 100 * 28 + 28] = image
        sheet, each = Image.fromarray(sheet), [Image.fromarray(image) for image in images]
        depth = "1" if "--binarise" in options.more else "L"
        sizes = {"PNG, a file an image": sum(len(saved(x.convert(depth), "PNG", optimize=True)) for x in each),
                 "PNG, one sheet of all": len(saved(sheet.convert(depth), "PNG", optimize=True)),
                 "WebP lossless, a file an image": sum(len(saved(x.convert("RGB"), "WEBP", lossless=True, quality=100, method=6)) for x in each),
                 "WebP lossless, one sheet of all": len(saved(sheet.convert("RGB"), "WEBP", lossless=True, quality=100, method=6))}
        for name, words in (("gzip -9", ["gzip", "-9"]), ("bzip2 -9", ["bzip2", "-9"]), ("zstd -19", ["zstd", "-19", "-q"]), ("xz -9e", ["xz", "-9e"])):
            if shutil.which(words[0]):
                sizes[f"{name}, all raw bytes in one"] = len(subprocess.run([*words, "-c", raw], capture_output=True, check=True).stdout)
    result = {"images": len(images), "ours": ours, "decode_seconds": summary["seconds"], "bits_per_dim": {k: 8 * v / images.size for k, v in sizes.items()}}
    for key in ("file",):
        ours.pop(key)
    merge({"lossless": {options.name: result}})
    print(json.dumps(result, indent=1))


# Lossy

def classifier(options):
    import torch
    torch.set_num_threads(1)
    listed = [c for c in json.loads(subprocess.run([options.program, "features", "list", "--json"], capture_output=True, text=True).stdout)
              if c["data"] == "fashion-mnist"]
    if not listed:
        sys.exit("no classifier of Fashion-MNIST is kept: obverse features train fashion-mnist")
    with open(listed[0]["path"], "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        content = bytearray(f.read())
    w = {k: torch.from_numpy(np.frombuffer(content[v["data_offsets"][0]:v["data_offsets"][1]], np.float32).reshape(v["shape"]).copy())
         for k, v in header.items() if k != "__metadata__"}

    def features(images):
        with torch.no_grad():
            h, i = torch.from_numpy(images.reshape(-1, 1, 28, 28).astype(np.float32)) / 127.5 - 1, 0
            while f"conv{i}.weight" in w:
                h = torch.relu(torch.max_pool2d(torch.conv2d(h, w[f"conv{i}.weight"], w[f"conv{i}.bias"], padding=1), 2, 2, 0, ceil_mode=True))
                i += 1
            return torch.relu(h.flatten(1) @ w["hidden.weight"].T + w["hidden.bias"]).numpy()
    return features, listed[0]


def ssim(a, b):
    """Wang 2004: Gaussian window of deviation 1.5, K1 .01, K2 .03; mean over the image. a, b: [N, H, W] in 0 .. 255."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    blur = lambda x: gaussian_filter(x, (0, 1.5, 1.5), truncate=3.5)
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))).mean((1, 2))


def judge(x, y, features):
    mse = np.mean((x.astype(np.float64) - y) ** 2, (1, 2))
    fx, fy = features(x), features(y.astype(np.uint8))
    return {"psnr": float(10 * np.log10(255 ** 2 / mse.mean())), "psnr_mean": float(np.mean(10 * np.log10(255 ** 2 / np.maximum(mse, 1e-3)))),
            "ssim": float(ssim(x, y).mean()), "feature_distance": float((((fx - fy) ** 2).sum(1) / (fx ** 2).sum(1)).mean())}


def jpeg_scan(data):
    start = data.index(b"\xff\xda")
    return len(data) - 2 - (start + 2 + struct.unpack(">H", data[start + 2:start + 4])[0])


def webp_frame(data):
    kind, size = data[12:16], struct.unpack("<I", data[16:20])[0]
    return size - 7 if kind == b"VP8 " else size


def by_pillow(x, kind, qualities, length, mode, features):
    points = []
    for quality in qualities:
        files = [saved(Image.fromarray(image).convert(mode), kind, quality=quality, **({"method": 6} if kind == "WEBP" else {})) for image in x]
        y = np.stack([np.array(Image.open(io.BytesIO(f)).convert("L")) for f in files])
        points.append({"bytes": float(np.mean([length(f) for f in files])), **judge(x, y, features)})
    return points


def by_transform(train, test, forward, inverse, features):
    """Uniform quantisation, magnitudes rounded down below two thirds; each coefficient's own distribution over the training images."""
    a, b = forward(train), forward(test)
    points = []
    for step in np.geomspace(1400, 14, 14):
        quantise = lambda c: np.sign(c) * np.floor(np.abs(c) / step + 1 / 3)
        qa, qb = quantise(a), quantise(b)
        bits = np.zeros(len(test))
        for j in range(qa.shape[1]):
            low, high = int(min(qa[:, j].min(), qb[:, j].min())), int(max(qa[:, j].max(), qb[:, j].max()))
            count = np.bincount((qa[:, j] - low).astype(int), minlength=high - low + 1) + 0.01
            bits -= np.log2(count / count.sum())[(qb[:, j] - low).astype(int)]
        y = np.clip(np.rint(inverse(qb * step)), 0, 255).reshape(test.shape)
        points.append({"bytes": float(np.mean(np.ceil(bits / 8))), **judge(test, y, features)})
    return points


def lossy(options):
    x = np.ascontiguousarray(idx(f"{options.data}/t10k-images-idx3-ubyte")[:options.count])
    train = idx(f"{options.data}/train-images-idx3-ubyte")[:20000]
    features, which = classifier(options)
    mean = train.reshape(len(train), -1).mean(0)
    basis = np.linalg.eigh(np.cov(train.reshape(len(train), -1).T.astype(np.float64)))[1][:, ::-1]
    curves = {"PCA, range coded": by_transform(train, x, lambda t: (t.reshape(len(t), -1) - mean) @ basis, lambda c: c @ basis.T + mean, features),
              "DCT, range coded": by_transform(train, x, lambda t: dctn(t - 128.0, axes=(1, 2), norm="ortho").reshape(len(t), -1),
                                               lambda c: idctn(c.reshape(-1, 28, 28), axes=(1, 2), norm="ortho") + 128, features),
              "JPEG": by_pillow(x, "JPEG", [1, 2, 4, 6, 10, 15, 20, 25, 30, 40, 50], jpeg_scan, "L", features),
              "WebP": by_pillow(x, "WEBP", [0, 1, 3, 6, 10, 15, 20, 30, 40, 50, 60, 70, 80], webp_frame, "RGB", features)}
    rows = [x[:SHOWN_IMAGES]]
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/images.obv"
        for label, words in (("ours", []), *([(f"ours, refined by {options.refine} steps", ["--refine", str(options.refine)])] if options.refine else [])):
            curves[label] = []
            for n in SIZES:
                summary = obverse(options, "compress", options.run, "--lossy", "--bytes", str(n), "--count", str(options.count), "--out", file, *words)
                y, back = decoded(options, options.run, file)
                curves[label].append({"bytes": (summary["bytes"] - 40) / len(x), **judge(x, y[:, 0].astype(np.float64), features),
                                      "encode_seconds": summary["seconds"], "decode_seconds": back["seconds"]})
                if not words and n in SHOWN:
                    rows.append(y[:SHOWN_IMAGES, 0])
    merge({"lossy": {"images": len(x), "classifier": which["hash"], "classifier_accuracy": which["test_accuracy"], "curves": curves}})
    draw()
    sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows])
    Image.fromarray(sheet).resize((2 * sheet.shape[1], 2 * sheet.shape[0]), Image.NEAREST).save(f"{ROOT}/docs/images/compression.png")
    show(curves)


def at_size(points, n, key):
    """Between the points on either side of n bytes, straight; None outside."""
    p = sorted((q["bytes"], q[key]) for q in points)
    if n < 0.98 * p[0][0] or n > 1.02 * p[-1][0]:  # files are a little smaller than they may be
        return None
    return float(np.interp(n, *zip(*p)))


def show(curves):
    for key in ("psnr", "ssim", "feature_distance"):
        print(key)
        for name, points in curves.items():
            print(f"  {name:28}", *[f"{v:7.3f}" if (v := at_size(points, n, key)) is not None else "      -" for n in SIZES])


# Pictures

COLOURS = [plots.COLOURS[i] for i in (5, 3, 0, 1, 2, 7)]
PLOTTED = (8, 210)  # bytes
PANELS = (("psnr", "PSNR", "dB", False), ("ssim", "SSIM", "", False), ("feature_distance", "feature distance", "", True))


def draw():
    with open(RESULT) as f:
        curves = json.load(f)["lossy"]["curves"]
    parts = plots.legend(50, 338, [(name, colour, None) for name, colour in zip(curves, COLOURS)], step=160)
    for i, (key, title, unit, log) in enumerate(PANELS):
        lines = [(sorted((p["bytes"], p[key]) for p in points if PLOTTED[0] <= p["bytes"] <= PLOTTED[1]), colour, None, None)
                 for points, colour in zip(curves.values(), COLOURS)]
        parts += plots.panel(350 * i, title, "bytes an image", unit, lines, log_y=log)
    plots.save(f"{ROOT}/docs/images/compression.svg", 1050, 350, parts)


def merge(found):
    results = {}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            results = json.load(f)
    for key, value in found.items():
        results[key] = {**results.get(key, {}), **value}
    with open(RESULT, "w") as f:
        json.dump(results, f, indent=1, sort_keys=True)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["lossless", "lossy", "draw"])
    parser.add_argument("words", nargs="*", metavar="NAME RUN")
    parser.add_argument("--program", default=f"{ROOT}/build/release/obverse")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--count", type=int)
    parser.add_argument("--refine", type=int, default=0)
    parser.add_argument("--binarise", dest="more", action="store_const", const=["--binarise"], default=[])
    options = parser.parse_args()
    if len(options.words) != {"lossless": 2, "lossy": 1, "draw": 0}[options.what]:
        parser.error("lossless takes NAME and RUN, lossy takes RUN")
    options.run = options.words[-1] if options.words else ""
    options.name = options.words[0] if options.words else ""
    options.count = options.count or (10000 if options.what == "lossless" else 1000)
    {"lossless": lossless, "lossy": lossy, "draw": lambda _: draw()}[options.what](options)


if __name__ == "__main__":
    main()
