# PyTorch's times for the shapes of bench-policies.ts, one thread: drawing a batch, and four epochs of PPO with Adam.
#   python bench-policies.py [repeat]
import statistics
import sys
import time

import torch

DECISIONS, VALUES, BATCH, EPOCHS, UNITS, EMBEDDING = 40, 6, 64, 4, 100, 32
torch.set_num_threads(1)
torch.manual_seed(1)


class Lstm(torch.nn.Module):
    """A token embedding, one LSTM cell, one head per decision."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(VALUES + 1, EMBEDDING)
        self.cell = torch.nn.LSTM(EMBEDDING, UNITS, batch_first=True)
        self.heads = torch.nn.Parameter(torch.zeros(DECISIONS, UNITS, VALUES))

    @torch.no_grad()
    def sample(self):
        token, state, codes = torch.full((BATCH, 1), VALUES), None, []
        for d in range(DECISIONS):
            out, state = self.cell(self.embedding(token), state)
            token = torch.distributions.Categorical(logits=out @ self.heads[d]).sample()
            codes.append(token)
        return torch.cat(codes, 1)

    def log_probs(self, codes):
        start = torch.full((BATCH, 1), VALUES)
        out, _ = self.cell(self.embedding(torch.cat([start, codes[:, :-1]], 1)))
        logits = torch.einsum("bdh,dhv->bdv", out, self.heads)
        return logits.log_softmax(-1).gather(-1, codes[..., None])[..., 0].sum(-1)


class Factorised(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(DECISIONS, VALUES))

    @torch.no_grad()
    def sample(self):
        return torch.distributions.Categorical(logits=self.logits).sample((BATCH,))

    def log_probs(self, codes):
        table = self.logits.log_softmax(-1).expand(BATCH, DECISIONS, VALUES)
        return table.gather(-1, codes[..., None])[..., 0].sum(-1)


def update(policy, optimiser, codes, advantages):
    with torch.no_grad():
        old = policy.log_probs(codes)
    for _ in range(EPOCHS):
        ratio = (policy.log_probs(codes) - old).exp()
        loss = -torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 10.0)
        optimiser.step()


def timed(work, repeat):
    wall, cpu = [], []
    for run in range(3 + repeat):
        began, cpu_before = time.perf_counter(), time.process_time()
        work()
        if run >= 3:
            wall.append(1000 * (time.perf_counter() - began))
            cpu.append(1000 * (time.process_time() - cpu_before))
    return f"{statistics.median(wall):.2f} ({statistics.median(cpu):.2f})"


repeat = int(sys.argv[1]) if len(sys.argv) > 1 else 9
print(f"PyTorch {torch.__version__}, one thread, medians of {repeat}: milliseconds (of processor time)")
for policy in (Lstm(), Factorised()):
    optimiser = torch.optim.Adam(policy.parameters(), lr=1e-3)
    codes, advantages = policy.sample(), torch.randn(BATCH)
    sampling = timed(policy.sample, repeat)
    learning = timed(lambda: update(policy, optimiser, codes, advantages), repeat)
    print(f"{type(policy).__name__.lower()}: sampling {sampling}, update {learning}")
