#!/usr/bin/env python3
"""The networks of test/unit/nn_cases.h in PyTorch, from the weights and data that engine_curves prints:
are the losses of 100 steps the same to 1e-4 relative?

usage: engine_curves | engine_curves.py [golden]     golden: print PyTorch's losses as C
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn

N, B, STEPS = 96, 32, 100


def read(stream):
    cases, case = {}, None
    for line in stream:
        word = line.split()
        if word[0] == "case":
            case = cases.setdefault(word[1], {})
        else:
            case[word[1]] = torch.tensor([float(v) for v in next(stream).split()])
    return cases


def cut(flat, *shapes):
    """A layer's parameters, one after the other in flat."""
    out, at = [], 0
    for shape in shapes:
        n = 1
        for d in shape:
            n *= d
        out.append(flat[at:at + n].reshape(shape))
        at += n
    assert at == len(flat), (at, len(flat))
    return out


def conv2d(flat, k, ci, co):
    w, b = cut(flat, (k, k, ci, co), (co,))
    return [w.permute(3, 2, 0, 1).contiguous(), b]


def conv1d(flat, k, ci, co):
    w, b = cut(flat, (k, ci, co), (co,))
    return [w.permute(2, 1, 0).contiguous(), b]


def dense(flat, i, o):
    w, b = cut(flat, (i, o), (o,))
    return [w.t().contiguous(), b]


def flatten(h):
    """Channels last, as the engine keeps them."""
    return h.permute(0, 2, 3, 1).flatten(1)


def attend(h, p, heads, mask):
    b, t, d = h.shape
    q, k, v = F.linear(h, p[0].t(), p[1]).view(b, t, 3, heads, -1).permute(2, 0, 3, 1, 4)
    a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return F.linear(a.transpose(1, 2).reshape(b, t, d), p[2].t(), p[3])


def attention(flat, d):
    return cut(flat, (d, 3 * d), (3 * d,), (d, d), (d,))


class Net:
    """params: lists of tensors by layer; run: a batch to outputs; loss: outputs to the loss."""

    def __init__(self, case):
        self.params, self.case = [], case

    def layer(self, tensors):
        tensors = [t.clone().requires_grad_() for t in tensors]
        self.params += tensors
        return tensors


def lengths(case, rows, width):
    """Windows padded on the right, and their lengths."""
    n, steps = case["length"].long(), int(len(case["x"]) / width) - N
    x = case["x"].view(-1, width)
    out = torch.zeros(len(rows), steps, width)
    for k, i in enumerate(rows):
        end = i + steps
        out[k, :n[i]] = x[end - n[i]:end]
    return out, n[rows]


def recurrent(cls, flat_list, case):
    sizes, cells = [(6, 12), (12, 10)], []
    gates = 3 if cls is nn.GRU else 4
    for flat, (i, h) in zip(flat_list, sizes):
        cell = cls(i, h, batch_first=True)
        w, b, u, c = cut(flat, (i, gates * h), (gates * h,), (h, gates * h), (gates * h,))
        with torch.no_grad():
            cell.weight_ih_l0.copy_(w.t()), cell.bias_ih_l0.copy_(b)
            cell.weight_hh_l0.copy_(u.t()), cell.bias_hh_l0.copy_(c)
        cells.append(cell)
    return cells


def build(name, c):
    net, L = Net(c), net_layers(c)
    rows = lambda width: c["x"].view(-1, width)
    y = c["y"]
    ce = lambda out, idx: F.cross_entropy(out, y[idx].long())
    P = net.layer
    opt = None
    if name in ("dense_sgd", "gelu_adam"):
        a, b = P(dense(L[0], 12, 16)), P(dense(L[1], 16, 3 if name == "dense_sgd" else 1))
        act = F.relu if name == "dense_sgd" else F.gelu
        run = lambda i: F.linear(act(F.linear(rows(12)[i], *a)), *b)
        loss = ce if name == "dense_sgd" else lambda o, i: F.mse_loss(o[:, 0], y[i])
        opt = (lambda p: torch.optim.SGD(p, 0.02, momentum=0.9)) if name == "dense_sgd" else \
            (lambda p: torch.optim.Adam(p, 0.005))
    elif name == "silu_tanh_sigmoid_adamw":
        w = [P(dense(f, i, o)) for f, i, o in zip(L, (12, 16, 12, 8), (16, 12, 8, 1))]

        def run(i):
            h = F.silu(F.linear(rows(12)[i], *w[0]))
            h = torch.sigmoid(F.linear(torch.tanh(F.linear(h, *w[1])), *w[2]))
            return F.linear(h, *w[3])
        loss = lambda o, i: F.l1_loss(o[:, 0], y[i])
        opt = lambda p: torch.optim.AdamW(p, 0.003, weight_decay=0.01)
    elif name == "conv2d_adagrad":
        k1, k2, d = P(conv2d(L[0], 3, 1, 6)), P(conv2d(L[1], 2, 6, 5)), P(dense(L[2], 20, 3))

        def run(i):
            h = F.pad(rows(90)[i], (0, 10)).view(-1, 1, 10, 10)
            # "same" with stride 2 on 10: one zero, at the end
            h = F.relu(F.conv2d(F.pad(h, (0, 1, 0, 1)), *k1, stride=2))
            h = torch.tanh(F.conv2d(h, *k2, dilation=2))
            return F.linear(flatten(F.avg_pool2d(h, 2, 1)), *d)
        loss = lambda o, i: F.cross_entropy(o, y[i].long(), label_smoothing=0.1)
        opt = lambda p: torch.optim.Adagrad(p, 0.02)
    elif name == "conv_pool_sgd":
        k1, k2, d = P(conv2d(L[0], 3, 1, 48)), P(conv2d(L[1], 3, 48, 16)), P(dense(L[2], 16, 3))
        count = torch.bincount(y.long(), minlength=3).float()
        weight = N / (3 * count)

        def run(i):
            h = F.max_pool2d(F.relu(F.conv2d(rows(121)[i].view(-1, 1, 11, 11), *k1)), 2)
            return F.linear(flatten(F.max_pool2d(F.relu(F.conv2d(h, *k2)), 2)), *d)
        loss = lambda o, i: F.cross_entropy(o, y[i].long(), weight=weight)
        opt = lambda p: torch.optim.SGD(p, 0.02)
    elif name == "max_pool_softmax_mse":
        k, d = P(conv2d(L[0], 3, 1, 6)), P(dense(L[1], 96, 3))

        def run(i):
            h = F.relu(F.conv2d(rows(81)[i].view(-1, 1, 9, 9), *k, padding=1))
            return F.softmax(F.linear(flatten(F.max_pool2d(h, 3, 2)), *d), 1)
        loss = lambda o, i: F.mse_loss(o, F.one_hot(y[i].long(), 3).float())
        opt = lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True)
    elif name == "conv1d_huber_l2":
        k1, k2, d = P(conv1d(L[0], 3, 1, 6)), P(conv1d(L[1], 3, 6, 8)), P(dense(L[2], 8, 1))

        def run(i):
            h = torch.tanh(F.conv1d(rows(20)[i][:, None], *k1, stride=2))
            return F.linear(F.conv1d(F.pad(h, (4, 0)), *k2, dilation=2).amax(2), *d)
        loss = lambda o, i: F.huber_loss(o[:, 0], y[i], delta=0.7)
        opt = lambda p: torch.optim.Adam(p, 0.005, weight_decay=0.02)
    elif name == "norms_binary":
        k, g1, d1 = P(conv2d(L[0], 3, 1, 5)), P(cut(L[1], (5,), (5,))), P(dense(L[2], 5, 10))
        ln, d2 = P(cut(L[3], (10,), (10,))), P(dense(L[4], 10, 8))
        g2, d3 = P(cut(L[5], (8,), (8,))), P(dense(L[6], 8, 1))

        def run(i):
            h = F.conv2d(rows(49)[i].view(-1, 1, 7, 7), *k)
            h = F.relu(F.batch_norm(h, None, None, *g1, training=True)).mean((2, 3))
            h = F.linear(F.layer_norm(F.linear(h, *d1), (10,), *ln), *d2)
            return F.linear(F.batch_norm(h, None, None, *g2, training=True), *d3)
        loss = lambda o, i: F.binary_cross_entropy_with_logits(o[:, 0], y[i])
        opt = lambda p: torch.optim.Adam(p, 0.005)
    elif name in ("attention_causal", "attention_full_clip"):
        causal = name == "attention_causal"
        d1, pos, ln = P(dense(L[0], 6, 16)), P(cut(L[1], (9, 16))), P(cut(L[2], (16,), (16,)))
        at, d2 = P(attention(L[3], 16)), P(dense(L[4], 16, 3))

        def run(i):
            x, n = lengths(c, i, 6)
            t = torch.arange(x.shape[1])
            real = t[None] < n[:, None]
            h = F.linear(x, *d1)
            h = h + pos[0][(n[:, None] - 1 - t[None]).clamp(min=0)]
            mask = real[:, None, None, :] & (t[None, :] <= t[:, None] if causal else
                                              torch.ones(len(t), len(t), dtype=bool))[None, None]
            h = h + attend(F.layer_norm(h, (16,), *ln), at, 2, mask | ~real[:, None, :, None])
            if causal:
                h = h[torch.arange(len(i)), n - 1]
            else:
                h = (h * real[:, :, None]).sum(1) / n[:, None]
            return F.linear(h, *d2)
        loss = ce
        opt = (lambda p: torch.optim.Adam(p, 0.003)) if causal else \
            (lambda p: torch.optim.AdamW(p, 0.003, weight_decay=0.0))
    elif name in ("gru", "lstm"):
        cells = recurrent(nn.GRU if name == "gru" else nn.LSTM, L[:2], c)
        for cell in cells:
            net.params += list(cell.parameters())
        d = P(dense(L[2], 10, 3))

        def run(i):
            h, n = lengths(c, i, 6)
            for cell in cells:
                h = cell(h)[0]
            return F.linear(h[torch.arange(len(i)), n - 1], *d)
        loss, opt = ce, lambda p: torch.optim.Adam(p, 0.005)
    elif name == "conv1d_steps":
        k1, k2, d = P(conv1d(L[0], 3, 6, 12)), P(conv1d(L[1], 3, 12, 10)), P(dense(L[2], 10, 3))

        def run(i):
            x, n = lengths(c, i, 6)
            real = (torch.arange(x.shape[1])[None] < n[:, None])[:, None]
            h = F.relu(F.conv1d(F.pad(x.transpose(1, 2), (4, 0)), *k1, dilation=2)) * real
            h = F.conv1d(h, *k2, padding=1).masked_fill(~real, -1e30)
            return F.linear(h.amax(2), *d)
        loss, opt = ce, lambda p: torch.optim.Adam(p, 0.005)
    elif name == "embedding_concat":
        e, d1, d2 = P(cut(L[0], (12, 4))), P(dense(L[1], 13, 8)), P(dense(L[2], 21, 3))
        code = c["code"].long().view(-1, 2) + torch.tensor([0, 7])

        def run(i):
            h = torch.cat([rows(5)[i], e[0][code[i]].flatten(1)], 1)
            return F.linear(torch.cat([torch.tanh(F.linear(h, *d1)), h], 1), *d2)
        loss, opt = ce, lambda p: torch.optim.SGD(p, 0.1)
    else:
        assert name == "tokens", name
        t, at, d = P(cut(L[0], (7, 8), (7, 8))), P(attention(L[1], 8)), P(dense(L[2], 56, 3))

        def run(i):
            h = rows(7)[i][:, :, None] * t[0] + t[1]
            return F.linear(attend(h, at, 1, None).flatten(1), *d)
        loss, opt = ce, lambda p: torch.optim.Adam(p, 0.003)
    return net, run, loss, opt


def net_layers(c):
    """Parameters of the layers that have some, in their order."""
    names = [k for k in c if k.startswith("layer") and not k.endswith(".state")]
    return [c[k] for k in sorted(names, key=lambda k: int(k[5:].split(".")[0]))]


def train(name, c):
    net, run, loss, opt = build(name, c)
    optimizer, out = opt(net.params), []
    for s in range(STEPS):
        i = (torch.arange(B) + s * B) % N
        value = loss(run(i), i)
        optimizer.zero_grad()
        value.backward()
        if name.endswith("_clip"):
            nn.utils.clip_grad_norm_(net.params, 0.5)
        optimizer.step()
        out.append(value.item())
    return torch.tensor(out, dtype=torch.float64)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    bad = 0
    for name, c in read(sys.stdin).items():
        torch_loss, ours = train(name, c), c["loss"].double()
        worst = ((ours - torch_loss).abs() / torch_loss.abs()).max().item()
        if len(sys.argv) > 1:
            print("\t{%s}, /* %s */" % (", ".join("%.7ff" % torch_loss[s] for s in (0, 9, 49, 99)), name))
            continue
        bad += worst > 1e-4
        print("%-26s first %.5f last %.5f  largest relative difference %.1e%s" %
              (name, torch_loss[0], torch_loss[-1], worst, "" if worst <= 1e-4 else "  TOO MUCH"))
    sys.exit(bad > 0)


main()
