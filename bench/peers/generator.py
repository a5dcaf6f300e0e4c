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


def load_generator(path):
    tensors = {k[len("generator."):]: v for k, v in read_safetensors(path).items() if k.startswith("generator.")}
    stages = sum(k.endswith("running_mean") for k in tensors)
    layers, project = [], tensors["project.weight"]  # [4 4 C, z]: rows, columns, channels
    channels = tensors["norm0.weight"].numel()
    side = round((project.shape[0] / channels) ** 0.5)
    first = nn.ConvTranspose2d(project.shape[1], channels, side, bias=False)
    first.weight.data = project.view(side, side, channels, -1).permute(3, 2, 0, 1).contiguous()
    layers.append(first)
    for i in range(stages):
        norm = nn.BatchNorm2d(tensors[f"norm{i}.weight"].numel())
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).data = tensors[f"norm{i}.{name}"]
        weight = tensors[f"up{i}.conv.weight"]  # [inputs, outputs, 4, 4]
        conv = nn.ConvTranspose2d(weight.shape[0], weight.shape[1], 4, 2, 1, bias=f"up{i}.conv.bias" in tensors)
        conv.weight.data = weight
        if conv.bias is not None:
            conv.bias.data = tensors[f"up{i}.conv.bias"]
        layers += [norm, nn.ReLU(True), conv]
    return nn.Sequential(*layers, nn.Tanh()).eval()
