"""The training of bench/resnet20.mjs in PyTorch: python3 bench/resnet20.py FOLDER [--seeds 1,2,3] [--epochs 2] [--threads 2]."""
import argparse, gzip, json, os, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--seeds", default="1,2,3")
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)


def idx(name, head):
    path = os.path.join(args.folder, name)
    read = gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb")
    with read as file:
        return np.frombuffer(file.read(), np.uint8, offset=head)


def split(name):
    pixels = torch.from_numpy(idx(f"{name}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255)
    return pixels, torch.from_numpy(idx(f"{name}-labels-idx1-ubyte", 8).astype(np.int64))


class Block(nn.Module):
    def __init__(self, channels, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.stride = stride

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            more = y.shape[1] - x.shape[1]
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more // 2, more - more // 2))
        return F.relu(y + x)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        planes = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        self.blocks = nn.Sequential(*(Block(a, b, 1 if a == b else 2) for a, b in zip(planes, planes[1:])))
        self.linear = nn.Linear(64, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        return self.linear(self.blocks(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


(train_x, train_y), (test_x, test_y) = split("train"), split("t10k")
BATCH = 128
for seed in map(int, args.seeds.split(",")):
    torch.manual_seed(seed)
    model = ResNet20()
    start = time.perf_counter()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    steps = args.epochs * (-(-len(train_x) // BATCH))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 - t / steps)
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(train_x)).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(model(train_x[rows]), train_y[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss) * len(rows)
        model.eval()
        with torch.no_grad():
            right = sum(int((model(x).argmax(1) == y).sum()) for x, y in zip(test_x.split(1000), test_y.split(1000)))
    seconds = time.perf_counter() - start
    accuracy = 100 * right / len(test_x)
    print(json.dumps({"seed": seed, "epochs": args.epochs, "accuracy": accuracy, "loss": total / len(train_x), "seconds": round(seconds, 1)}), flush=True)
