"""PyTorch's side of the benchmark: answers requests on stdin, so that sides can take turns.

A request is a line such as {"task": "train", "batch": 256, "width": 1, "steps": 6}; the answer is a line
{"seconds": [...], "cores": 1.9, "peakMiB": 900}, or {"error": "..."}. Of several steps the first does not count.
Cores are seconds of CPU time a second; the peak is the process's so far. Tasks: train, eval, eval-folded, sgemm.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.fusion import fuse_conv_bn_eval

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from simple_vgg import SimpleVGG, normalised  # noqa: E402

SGEMM_SIZE = 2048
WIDTHS = (64, 128, 256, 512)

Step = Callable[[], object]


def batch_of(size: int) -> tuple[torch.Tensor, torch.Tensor]:
  """Random images, normalised and channels-last, and labels."""
  generator = np.random.default_rng(0)
  images = normalised(generator.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8))
  labels = torch.from_numpy(generator.integers(0, 10, size))
  return images.contiguous(memory_format=torch.channels_last), labels


def network(width: float) -> SimpleVGG:
  """SimpleVGG with each of its widths times a factor."""
  first, second, third, hidden = (round(width * channels) for channels in WIDTHS)
  return SimpleVGG(widths=(first, second, third), hidden=hidden)


def train_step(size: int, width: float) -> Step:
  """A whole step of SGD with momentum."""
  model = network(width).to(memory_format=torch.channels_last).train()
  optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
  images, labels = batch_of(size)

  def step() -> float:
    optimizer.zero_grad(set_to_none=True)
    loss = cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()

  return step


def folded(model: SimpleVGG) -> SimpleVGG:
  """The model with each batch norm folded into the convolution before it."""
  layers = list(model.features)
  for i, layer in enumerate(layers):
    if isinstance(layer, nn.BatchNorm2d):
      layers[i - 1] = fuse_conv_bn_eval(layers[i - 1], layer)
  model.features = nn.Sequential(*[layer for layer in layers if not isinstance(layer, nn.BatchNorm2d)])
  return model


def eval_step(size: int, fold: bool) -> Step:
  """Logits and mean cross entropy in evaluation mode."""
  model = SimpleVGG().eval()
  model = (folded(model) if fold else model).to(memory_format=torch.channels_last)
  images, labels = batch_of(size)

  def step() -> float:
    with torch.inference_mode():
      return cross_entropy(model(images), labels).item()

  return step


def sgemm_step() -> Step:
  """One product of two square matrices: how fast the machine multiplies."""
  generator = torch.Generator().manual_seed(0)
  a, b = (torch.randn(SGEMM_SIZE, SGEMM_SIZE, generator=generator) for _ in range(2))
  return lambda: a @ b


def make_step(task: str, size: int, width: float) -> Step:
  if task == "train":
    return train_step(size, width)
  if task in ("eval", "eval-folded"):
    return eval_step(size, fold=task == "eval-folded")
  if task == "sgemm":
    return sgemm_step()
  raise ValueError(f"unknown task {task!r}: expected train, eval, eval-folded or sgemm")


def seconds_of(step: Step) -> float:
  start = time.perf_counter()
  step()
  return time.perf_counter() - start


def peak_mib() -> float:
  """The most memory that this process has held; the system counts it in KiB, macOS in bytes."""
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


class Peer:
  """Answers requests; models and inputs are kept from one to the next."""

  def __init__(self):
    self.made: dict[tuple[str, int, float], Step] = {}

  def measure(self, task: str, batch: int = 0, width: float = 1, steps: int = 6) -> dict:
    key = (task, batch, width)
    if key not in self.made:
      self.made[key] = make_step(task, batch, width)
    begun, cpu_begun = time.perf_counter(), time.process_time()
    seconds = [seconds_of(self.made[key]) for _ in range(steps)]
    cores = (time.process_time() - cpu_begun) / (time.perf_counter() - begun)
    return {"seconds": seconds[1:] or seconds, "cores": cores, "peakMiB": peak_mib()}

  def answer(self, line: str) -> dict:
    try:
      return self.measure(**json.loads(line))
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
      return {"error": str(error)}


def send(message: dict) -> None:
  print(json.dumps(message), flush=True)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--threads", type=int, default=2)
  torch.set_num_threads(parser.parse_args().threads)
  torch.manual_seed(0)
  peer = Peer()
  send({"version": f"PyTorch {torch.__version__.split('+')[0]}"})
  for line in sys.stdin:
    if line.strip():
      send(peer.answer(line))


if __name__ == "__main__":
  main()
