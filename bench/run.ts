import { execFileSync, spawn, spawnSync, type ExecFileSyncOptions } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import * as tf from '@tensorflow/tfjs';
import { cacheFolder } from '../src/cache-folder';
import { gatherBatch, sliceBatch } from '../src/data/batches';
import { loadCifar10, type Dataset } from '../src/data/cifar10';
import { standardize } from '../src/data/standardize';
import { openEngine } from '../src/engine';
import type { Engine } from '../src/engine/engine';
import { initialWeights, SIMPLE_VGG } from '../src/model/architecture';
import { evaluator } from '../src/model/evaluator';
import { trainableNetwork } from '../src/model/trainable';
import { permutation, randomStream } from '../src/random';
import { sgd } from '../src/training/sgd';
import { trainStep } from '../src/training/train';

// Side by side with PyTorch on the same machine: the sides take turns, each turn gives its median step, and a
// row gives the medians over the turns and the median of the ratios turn by turn.

interface Row {
  name: string;
  ours: number;
  /** null where there is nothing to compare with. */
  peer: number | null;
  ratio: number | null;
  unit: string;
}

/** Multiplications and additions of a training step, an image (forward, and twice that backward). */
const TRAINING_GFLOP_PER_IMAGE = 0.25;
const SGEMM_GFLOP = (2 * 2048 ** 3) / 1e9;
const TURNS = 7;
/** Timed steps a turn. */
const STEPS = 5;
const MEMORY_BATCHES = [1024, 4096];

const progress = (line: string) => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const { json, memory } = new Command('bench')
    .option('--json <file>', 'write the rows there too')
    .option('--memory <batch>', 'measure nothing but the peak memory of training at a batch size', Number)
    .parse()
    .opts<{ json?: string; memory?: number }>();
  const engine = await openEngine('auto', cacheFolder(), progress);
  const train = loadCifar10('train', cacheFolder(), progress);
  if (memory !== undefined) {
    const step = trainingStep(engine, train, memory);
    for (let i = 0; i < 3; i++) step();
    process.stdout.write(`${process.resourceUsage().maxRSS / 1024}\n`);
    return;
  }

  const peer = await startPeer();
  const rows: Row[] = [];
  const show = (row: Row) => {
    rows.push(row);
    progress(`${row.name}: ${row.ours.toFixed(1)} ${row.unit}`);
  };
  /** Images a second of steps over so many images, on our side and on the peer's. */
  const ours = (step: () => void, size: number) => () => size / median(timed(step, STEPS));
  const theirs = (task: string, size: number) => async () => size / median(await peer.ask(task, size, STEPS));
  const sgemm = sgemmStep(engine);
  /** The better of both sides' products of matrices, in GFLOP/s. */
  const machine = async () =>
    SGEMM_GFLOP / Math.min(median(timed(sgemm, STEPS)), median(await peer.ask('sgemm', 0, STEPS)));

  for (const size of [256, 64]) {
    const rate = ours(trainingStep(engine, train, size), size);
    show(await sideBySide(`train-b${size}`, rate, theirs('train', size), 'images/s'));
    const gflops = () => TRAINING_GFLOP_PER_IMAGE * rate();
    show(await sideBySide(`sgemm-share-b${size}`, gflops, machine, 'GFLOP/s'));
  }
  const rate = ours(evaluationStep(engine, train, 256), 256);
  show(await sideBySide('eval-b256', rate, theirs('eval', 256), 'images/s'));
  show(await sideBySide('eval-b256-peer-folded', rate, theirs('eval-folded', 256), 'images/s'));
  peer.end();

  // How much of a step is spent on making its batch.
  for (const size of [256, 64]) {
    const step = 1000 * median(timed(trainingStep(engine, train, size), 9));
    const order = permutation(train.count, randomStream(0)).subarray(0, size);
    const batch = 1000 * median(timed(() => gatherBatch(train, order, randomStream(0)), 51));
    show({ name: `augmentation-of-step-b${size}`, ours: batch, peer: step, ratio: batch / step, unit: 'ms' });
  }
  for (const batch of MEMORY_BATCHES) {
    const { stdout } = spawnSync(
      process.execPath,
      [...process.execArgv, __filename, '--memory', String(batch)],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    show({ name: `peak-memory-b${batch}`, ours: Number(stdout), peer: null, ratio: null, unit: 'MiB' });
  }

  process.stdout.write(table(rows));
  if (json) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
}

function trainingStep(engine: Engine, train: Dataset, size: number): () => void {
  const network = trainableNetwork(engine, SIMPLE_VGG, initialWeights(SIMPLE_VGG, randomStream(0)));
  const optimizer = sgd(engine, network, { momentum: 0.9, weightDecay: 0 });
  const order = permutation(train.count, randomStream(0)).subarray(0, size);
  const noDropout = { rate: 0, random: randomStream(0) };
  return () => void trainStep(engine, network, optimizer, gatherBatch(train, order), 0.01, noDropout);
}

function evaluationStep(engine: Engine, train: Dataset, size: number): () => void {
  const network = evaluator(engine, SIMPLE_VGG, initialWeights(SIMPLE_VGG, randomStream(0)));
  const batch = sliceBatch(train, 0, size);
  return () =>
    tf.tidy(() => {
      const logits = network.logits(standardize(engine, batch));
      const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
      engine.kernels.softmaxCrossEntropy(logits, labels).losses.mean().dataSync();
    });
}

/** A product of two matrices of 2048 rows and columns. */
function sgemmStep({ kernels }: Engine): () => void {
  const [a, b] = [0, 1].map((seed) => tf.randomNormal<tf.Rank.R2>([2048, 2048], 0, 1, 'float32', seed));
  return () => kernels.matMul(a, b, false, false).dispose();
}

async function sideBySide(
  name: string,
  ours: () => number,
  theirs: () => Promise<number>,
  unit: string,
): Promise<Row> {
  const turns: { ours: number; peer: number }[] = [];
  ours();
  for (let turn = 0; turn < TURNS; turn++) turns.push({ ours: ours(), peer: await theirs() });
  return {
    name,
    ours: median(turns.map((turn) => turn.ours)),
    peer: median(turns.map((turn) => turn.peer)),
    ratio: median(turns.map((turn) => turn.ours / turn.peer)),
    unit,
  };
}

/** Seconds of each call, after one that does not count. */
function timed(action: () => void, repeats: number): number[] {
  action();
  return Array.from({ length: repeats }, () => {
    const begun = performance.now();
    action();
    return (performance.now() - begun) / 1000;
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Starts PyTorch in a virtual environment of its own in the cache folder, made at the first use. */
async function startPeer() {
  const environment = join(cacheFolder(), 'bench-venv');
  const python = join(environment, 'bin', 'python');
  const ready = join(environment, 'ready');
  if (!existsSync(ready)) {
    progress('Fetching PyTorch into a virtual environment, once …');
    const toStderr: ExecFileSyncOptions = { stdio: ['ignore', 2, 2] };
    execFileSync('python3', ['-m', 'venv', environment], toStderr);
    const requirements = join(__dirname, 'requirements.txt');
    execFileSync(python, ['-m', 'pip', 'install', '--requirement', requirements], toStderr);
    writeFileSync(ready, '');
  }
  const child = spawn(python, [join(__dirname, 'pytorch_peer.py'), '--threads', '2'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("PyTorch's side of the benchmark ended early.");
    const parsed = JSON.parse(value) as { seconds?: number[]; error?: string; torch?: string };
    if (parsed.error) throw new Error(`PyTorch's side of the benchmark failed: ${parsed.error}`);
    return parsed;
  };
  progress(`Beside PyTorch ${(await answer()).torch}, both on two threads.`);
  return {
    /** Seconds of each of `repeats` steps. */
    async ask(task: string, batch: number, repeats: number): Promise<number[]> {
      child.stdin.write(`${JSON.stringify({ task, batch, repeats })}\n`);
      return (await answer()).seconds!;
    },
    end: () => child.stdin.end(),
  };
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, ours, peer, ratio, unit }) => [
    name,
    ours.toFixed(1),
    peer?.toFixed(1) ?? '–',
    ratio?.toFixed(3) ?? '–',
    unit,
  ]);
  const head = ['name', 'ours', 'peer', 'ratio', 'unit'];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i].length)));
  return [head, ...cells]
    .map((row) =>
      row
        .map((cell, i) => (i === 0 || i === 4 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  '),
    )
    .join('\n')
    .concat('\n');
}

void main();
