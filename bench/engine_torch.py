#!/usr/bin/env python3
"""The networks of engine_bench.c in PyTorch on the CPU: what a user would write, data in memory, no
loader. Prints "name samples/s", one a line.

usage: engine_torch.py THREADS [ROWS]
"""
import os
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

THREADS = int(sys.argv[1])
ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
SECONDS = float(os.environ.get("SECONDS_EACH", "3"))


def run(name, net, x, y, batch, loss, optimizer):
    order, at, steps = torch.randperm(len(x)), 0, 0

    def step():
        nonlocal at, order
        if at + batch > len(x):
            order, at = torch.randperm(len(x)), 0
        i = order[at:at + batch]
        at += batch
        value = loss(net(x[i]), y[i])
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()

    for _ in range(20):
        step()
    started = time.monotonic()
    while time.monotonic() - started < SECONDS:
        for _ in range(10):
            step()
        steps += 10
    print(name, round(steps * batch / (time.monotonic() - started)), flush=True)


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(64, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.position = nn.Linear(64, 64), nn.Parameter(torch.randn(50, 64) * 0.05)
        layer = nn.TransformerEncoderLayer(64, 2, 128, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, nn.LayerNorm(64), enable_nested_tensor=False)
        self.head = nn.Linear(64, 10)
        self.mask = nn.Transformer.generate_square_subsequent_mask(50)

    def forward(self, x):
        h = self.blocks(self.enter(x) + self.position, mask=self.mask, is_causal=True)
        return self.head(h[:, -1])


def one_hot_mse(z, y):
    return F.mse_loss(F.softmax(z, 1), F.one_hot(y, 10).float())


def main():
    torch.manual_seed(1)
    torch.set_num_threads(THREADS)
    x, y = torch.rand(ROWS, 1, 16, 16), torch.randint(0, 10, (ROWS,))
    for kind, make in (("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)):
        for name, loss in (("cross_entropy", F.cross_entropy), ("mse", one_hot_mse)):
            net = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                                nn.Linear(1568, 10))
            run("cnn_%s_%s" % (kind, name), net, x, y, 32, loss, make(net.parameters(), lr=0.001))
    x, y = torch.rand(4096, 50, 64), torch.randint(0, 10, (4096,))
    for name, net in (("gru", Gru()), ("transformer", Transformer())):
        run(name, net, x, y, 128, F.cross_entropy, torch.optim.Adam(net.parameters(), lr=0.001))


main()
