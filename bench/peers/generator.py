"""Obverse's DCGAN generator as a PyTorch module, from a model file: the same function for the peers to compute."""
import json
import struct

import numpy as np
import torch
from torch import nn


def read_safetensors(path):
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    header.pop("__metadata__", None)
    kinds = {"F32": np.float32, "I64": np.int64}
    return {name: torch.from_numpy(np.frombuffer(data[t["data_offsets"][0]:t["data_offsets"][1]], kinds[t["dtype"]])
                                   .reshape(t["shape"]).copy()) for name, t in header.items()}


class ClassBatchNorm(nn.Module):
    """Batch norm of a generator at work, gain and bias by class; `labels` [N] are set before it is called."""

    def __init__(self, mean, var, gain, bias):
        super().__init__()
        self.mean, self.var, self.gain, self.bias, self.labels = mean, var, gain, bias, None

    def forward(self, x):
        y = nn.functional.batch_norm(x, self.mean, self.var)
        return y * self.gain[self.labels][:, :, None, None] + self.bias[self.labels][:, :, None, None]


def set_labels(G, y):
    for layer in G:
        if isinstance(layer, ClassBatchNorm):
            layer.labels = y


def batch_norm(tensors, prefix):
    mean, var, gain, bias = (tensors[f"{prefix}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
    if gain.dim() == 2:
        return ClassBatchNorm(mean, var, gain, bias)
    norm = nn.BatchNorm2d(len(mean))
    norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = gain, bias, mean, var
    return norm


def load_generator(path):
    tensors = {k[len("generator."):]: v for k, v in read_safetensors(path).items() if k.startswith("generator.")}
    stages = sum(k.endswith("running_mean") for k in tensors)
    layers, project = [], tensors["project.weight"]  # [4 4 C, z]: rows, columns, channels
    channels = tensors["norm0.running_mean"].numel()
    side = round((project.shape[0] / channels) ** 0.5)
    first = nn.ConvTranspose2d(project.shape[1], channels, side, bias=False)
    first.weight.data = project.view(side, side, channels, -1).permute(3, 2, 0, 1).contiguous()
    layers.append(first)
    for i in range(stages):
        weight = tensors[f"up{i}.conv.weight"]  # [inputs, outputs, k, k]; k = 3 to an odd size
        conv = nn.ConvTranspose2d(*weight.shape[:3], 2, 1, bias=f"up{i}.conv.bias" in tensors)
        conv.weight.data = weight
        if conv.bias is not None:
            conv.bias.data = tensors[f"up{i}.conv.bias"]
        layers += [batch_norm(tensors, f"norm{i}"), nn.ReLU(True), conv]
    return nn.Sequential(*layers, nn.Tanh()).eval()
