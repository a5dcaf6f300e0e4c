#!/usr/bin/python3
"""metrics.py FEATURES.npz METRIC: the metric (fid, pr or dc) by NumPy, SciPy and scikit-learn, as the usual packages
compute it: pytorch-fid's moments and general matrix root; prdc's matrices of all distances. Prints JSON."""
import json
import resource
import sys
import time

import numpy as np


def fid(real, fake):
    from scipy import linalg

    real, fake = real.astype(np.float64), fake.astype(np.float64)
    m1, m2 = real.mean(0), fake.mean(0)
    s1, s2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root, _ = linalg.sqrtm(s1 @ s2, disp=False)
    return [float((m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(root.real))]


def distances(x, y):
    from sklearn.metrics import pairwise_distances

    return pairwise_distances(x, y, metric="euclidean", n_jobs=None)


def radii(x, k):
    return np.partition(distances(x, x), k, axis=-1)[:, k]  # the nearest one is the sample itself


def pr(real, fake):
    real_radii, fake_radii = radii(real, 3), radii(fake, 3)
    d = distances(real, fake)
    return [float((d <= real_radii[:, None]).any(0).mean()), float((d <= fake_radii[None, :]).any(1).mean())]


def dc(real, fake):
    real_radii = radii(real, 5)
    inside = distances(real, fake) < real_radii[:, None]
    return [float(inside.sum(0).mean() / 5), float(inside.any(1).mean())]


def main():
    arrays = np.load(sys.argv[1])
    real, fake = arrays["real"], arrays["fake"]
    import scipy.linalg, sklearn.metrics  # noqa: E401,F401: not in the time

    start = time.time()
    values = {"fid": fid, "pr": pr, "dc": dc}[sys.argv[2]](real, fake)
    seconds = time.time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": round(seconds, 3), "peak_mib": peak, "values": values}))


if __name__ == "__main__":
    main()
