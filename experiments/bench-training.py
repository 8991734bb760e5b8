"""The network and the step of bench-training.ts in PyTorch; prints name<TAB>steps per second<TAB>steps
per second of processor time. Argument: steps to time."""
import sys
import time

import torch
from torch import nn

SIZE, BATCH, WARM_UP = 32, 64, 3
ROWS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def narrowed(channels):
    exact = 0.35 * channels
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


def conv(inputs, outputs, kernel=1, stride=1, groups=1, activation=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU6()] if activation else []))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        inner = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            *([conv(inputs, inner)] if expansion > 1 else []),
            conv(inner, inner, 3, stride, groups=inner),
            conv(inner, outputs, activation=False),
        )

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def network():
    channels = narrowed(32)
    layers = [conv(3, channels, 3, 2)]
    for expansion, width, repeat, stride in ROWS:
        for number in range(repeat):
            layers.append(Block(channels, narrowed(width), stride if number == 0 else 1, expansion))
            channels = narrowed(width)
    return nn.Sequential(*layers, conv(channels, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 10))


def rate(steps):
    torch.manual_seed(1)
    model = network().train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    images, labels = torch.randn(BATCH, 3, SIZE, SIZE), torch.arange(BATCH) % 10

    def step():
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimiser.step()

    for _ in range(WARM_UP):
        step()
    began, cpu_before = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu_before
    return steps / wall, steps / cpu, sum(weight.numel() for weight in model.parameters())


threads = torch.get_num_threads()
for count in sorted({1, threads}):
    torch.set_num_threads(count)
    per_second, per_cpu_second, parameters = rate(int(sys.argv[1]))
    print(f"PyTorch {torch.__version__}, {count} thread{'s' if count > 1 else ''} ({parameters} parameters)\t{per_second:.2f}\t{per_cpu_second:.2f}")
