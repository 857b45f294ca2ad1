#!/usr/bin/env python3
"""The network, loss, batches and protocol of bench/next_item_bench.c in plain PyTorch on the CPU.

network=sasrec: pre-norm, packed projections, scaled_dot_product_attention, positions counted from the
end. network=gru: nn.GRU, a linear layer, layer norm. Both:
softmax cross-entropy over the target and negatives shared by the batch (or over all items), Adam.
What PyTorch users usually do, and nothing against it: data in memory, no loader, a batch cut to its
longest sequence, the loss on real positions only. Takes and prints the same as next_item_bench.

usage: pytorch_next_item.py FILE [name=value ...]
"""
import collections
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

TOP = 10
SETTINGS = dict(network="sasrec", hidden=0, dim=64, blocks=1, heads=1, length=50, batch=128, epochs=100, negatives=256,
                dropout=0.2, learning_rate=1e-3, beta2=0.98, threads=1, patience=10, least=1,
                every=1, seed=1)


def read_data(path, least):
    """Sequences of item codes 1..N (0 is padding), and N."""
    raw = [[int(x) for x in line.split()[1:]] for line in open(path)]
    count = collections.Counter(i for items in raw for i in items)
    kept = sorted((i for i in count if count[i] >= least), key=lambda i: (-count[i], i))
    code = {item: k + 1 for k, item in enumerate(kept)}
    return [[code[i] for i in items if i in code] for items in raw], len(kept)


def windows(sequences, length):
    """Inputs and targets of all training windows, padded on the left."""
    inputs, targets = [], []
    for items in sequences:
        items = items[:-2] if len(items) > 2 else []
        end = len(items)
        while end >= 2:
            first = max(end - length - 1, 0)
            x, y = items[first:end - 1], items[first + 1:end]
            pad = [0] * (length - len(x))
            inputs.append(pad + x)
            targets.append(pad + y)
            end = first + 1
    return torch.tensor(inputs), torch.tensor(targets)


class Block(nn.Module):
    def __init__(self, dim, heads, dropout):
        super().__init__()
        self.heads, self.drop = heads, nn.Dropout(dropout)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x, mask):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.drop(self.out(a.transpose(1, 2).reshape(b, n, d)))
        return x + self.drop(self.down(self.drop(F.relu(self.up(self.norm2(x))))))


class SASRec(nn.Module):
    def __init__(self, nitems, s):
        super().__init__()
        self.item = nn.Embedding(nitems + 1, s["dim"], padding_idx=0)
        self.position = nn.Embedding(s["length"], s["dim"])
        self.blocks = nn.ModuleList(
            Block(s["dim"], s["heads"], s["dropout"]) for _ in range(s["blocks"]))
        self.norm, self.drop = nn.LayerNorm(s["dim"]), nn.Dropout(s["dropout"])
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, x):
        n = x.shape[1]
        real = x > 0
        causal = torch.ones(n, n, dtype=torch.bool).tril()
        mask = causal & (real[:, None, :] | torch.eye(n, dtype=torch.bool))
        h = self.item(x) * math.sqrt(self.item.embedding_dim)
        h = self.drop(h + self.position.weight[:n].flip(0))
        for block in self.blocks:
            h = block(h, mask[:, None])
        return self.norm(h)


class GRU(nn.Module):
    def __init__(self, nitems, s):
        super().__init__()
        hidden = s["hidden"] or s["dim"]
        self.item = nn.Embedding(nitems + 1, s["dim"], padding_idx=0)
        self.gru = nn.GRU(s["dim"], hidden, s["blocks"], batch_first=True,
                          dropout=s["dropout"] if s["blocks"] > 1 else 0.0)
        self.out, self.norm = nn.Linear(hidden, s["dim"]), nn.LayerNorm(s["dim"])
        self.drop = nn.Dropout(s["dropout"])
        nn.init.normal_(self.item.weight, std=0.02)

    def forward(self, x):
        h = self.drop(self.item(x) * math.sqrt(self.item.embedding_dim))
        return self.norm(self.out(self.drop(self.gru(h)[0])))


def batch_loss(net, x, y, known, negatives):
    n = int((x > 0).sum(1).max())
    x, y = x[:, -n:], y[:, -n:]
    real = y > 0
    h, target = net(x)[real], y[real]
    if negatives == 0:
        return F.cross_entropy(h @ net.item.weight[1:].T, target - 1)
    drawn = known[torch.randperm(len(known))[:negatives]]
    logits = (h @ net.item(drawn).T).masked_fill(drawn == target[:, None], -math.inf)
    own = (h * net.item(target)).sum(1, keepdim=True)
    return F.cross_entropy(torch.cat([own, logits], 1), torch.zeros_like(target))


@torch.no_grad()
def evaluate(net, sequences, back, length):
    """HR@10 and NDCG@10 of the event `back` places from the end; all items, seen removed."""
    net.eval()
    cases = [s for s in sequences if len(s) > 2]
    hit = ndcg = 0.0
    for at in range(0, len(cases), 256):
        part = cases[at:at + 256]
        past = [s[:len(s) - back] for s in part]
        x = torch.tensor([[0] * (length - len(p)) + p[-length:] for p in past])
        scores = net(x)[:, -1] @ net.item.weight.T
        target = torch.tensor([s[-back] for s in part])
        own = scores.gather(1, target[:, None])
        seen = torch.tensor([t in p for t, p in zip(target.tolist(), past)])
        scores[:, 0] = -math.inf
        for row, p in enumerate(past):
            scores[row, p] = -math.inf
        rank = 1.0 + (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2.0
        good = ~seen & (rank <= TOP)
        hit += good.sum().item()
        ndcg += (good / torch.log2(rank.clamp(min=1.0) + 1.0)).sum().item()
    net.train()
    return hit / len(cases), ndcg / len(cases)


def main():
    s = dict(SETTINGS)
    for arg in sys.argv[2:]:
        name, value = arg.split("=")
        s[name] = value if name == "network" else type(s[name])(float(value))
    torch.set_num_threads(s["threads"])
    torch.manual_seed(s["seed"])
    sequences, nitems = read_data(sys.argv[1], s["least"])
    inputs, targets = windows(sequences, s["length"])
    known = torch.unique(torch.cat([inputs.flatten(), targets.flatten()]))
    known = known[known > 0]
    net = {"sasrec": SASRec, "gru": GRU}[s["network"]](nitems, s)
    adam = torch.optim.Adam(net.parameters(), lr=s["learning_rate"], betas=(0.9, s["beta2"]))
    best = (-1.0, 0, None)
    total, fastest, cpu = 0.0, math.inf, math.inf
    print(f"{len(sequences)} users, {nitems} items; PyTorch {torch.__version__}, "
          f"{torch.get_num_threads()} threads", flush=True)
    for epoch in range(1, s["epochs"] + 1):
        start, loss_sum, steps, ticks = time.monotonic(), 0.0, 0, time.process_time()
        for rows in torch.randperm(len(inputs)).split(s["batch"]):
            adam.zero_grad()
            loss = batch_loss(net, inputs[rows], targets[rows], known, s["negatives"])
            loss.backward()
            adam.step()
            loss_sum += loss.item()
            steps += 1
        seconds = time.monotonic() - start
        total, fastest = total + seconds, min(fastest, seconds)
        cpu = min(cpu, time.process_time() - ticks)
        line = f"epoch {epoch} loss {loss_sum / steps:.4f}"
        if s["every"] and epoch % s["every"] == 0:
            hr, ndcg = evaluate(net, sequences, 2, s["length"])
            line += f" valid HR@10 {hr:.4f} NDCG@10 {ndcg:.4f}"
            if ndcg > best[0]:
                best = (ndcg, epoch, {k: v.clone() for k, v in net.state_dict().items()})
        print(line, f"seconds {seconds:.3f}", flush=True)
        if s["every"] and epoch - best[1] >= s["patience"]:
            break
    print(f"{total / epoch:.3f} seconds an epoch (fastest {fastest:.3f}, {cpu:.3f} of processors), "
          f"{total:.1f} in all")
    if best[2]:
        net.load_state_dict(best[2])
        hr, ndcg = evaluate(net, sequences, 1, s["length"])
        print(f"best epoch {best[1]}: valid NDCG@10 {best[0]:.4f}; "
              f"test HR@10 {hr:.4f} NDCG@10 {ndcg:.4f}")


if __name__ == "__main__":
    main()
