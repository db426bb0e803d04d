import type { Side } from './side';
import { openSide } from './sides';
import { median, table } from './statistics';

// Side by side with PyTorch on the same machine: the sides take turns, each turn gives its median step, and a
// row gives the medians over the turns and the median of the ratios turn by turn.

/** A row of the table. */
export interface Row {
  readonly name: string;
  readonly ours: number;
  /** null where there is nothing to compare with. */
  readonly peer: number | null;
  readonly ratio: number | null;
  readonly unit: string;
}

/** Multiplications and additions of a training step, an image (forward, and twice that backward). */
const TRAINING_GFLOP_PER_IMAGE = 0.25;
const SGEMM_GFLOP = (2 * 2048 ** 3) / 1e9;
const TURNS = 7;
/** Steps a turn: five that count, after one that does not. */
const STEPS = 6;
const MEMORY_BATCHES = [1024, 4096];

/**
 * Measures TensorFlow's engine beside PyTorch, both on all threads.
 *
 * @param onRow is told of each row as it is done.
 * @throws Error if one of the two cannot be had here.
 */
export async function sideBySide(onRow: (row: Row) => void): Promise<Row[]> {
  const ours = await openSide('tensorflow');
  const peer = await openSide('pytorch');
  const rows: Row[] = [];
  const add = (row: Row) => {
    rows.push(row);
    onRow(row);
  };

  for (const batch of [256, 64]) {
    const train = { task: 'train', batch, width: 1, steps: STEPS } as const;
    const rate = async (side: Side) => batch / median((await side.ask(train)).seconds);
    add(
      await inTurns(
        `train-b${batch}`,
        () => rate(ours),
        () => rate(peer),
        'images/s',
      ),
    );
    const gflops = async () => TRAINING_GFLOP_PER_IMAGE * (await rate(ours));
    add(await inTurns(`sgemm-share-b${batch}`, gflops, () => multiplying(ours, peer), 'GFLOP/s'));
  }
  const evaluation = (side: Side, task: 'eval' | 'eval-folded') => async () =>
    256 / median((await side.ask({ task, batch: 256, steps: STEPS })).seconds);
  add(await inTurns('eval-b256', evaluation(ours, 'eval'), evaluation(peer, 'eval'), 'images/s'));
  add(
    await inTurns(
      'eval-b256-peer-folded',
      evaluation(ours, 'eval'),
      evaluation(peer, 'eval-folded'),
      'images/s',
    ),
  );
  await peer.end();

  // How much of a step is spent on making its batch.
  for (const batch of [256, 64]) {
    const step = 1000 * median((await ours.ask({ task: 'train', batch, width: 1, steps: 10 })).seconds);
    const making = 1000 * median((await ours.ask({ task: 'gather', batch, steps: 52 })).seconds);
    add({
      name: `augmentation-of-step-b${batch}`,
      ours: making,
      peer: step,
      ratio: making / step,
      unit: 'ms',
    });
  }
  await ours.end();
  for (const batch of MEMORY_BATCHES) {
    const side = await openSide('tensorflow');
    const { peakMiB } = await side.ask({ task: 'train', batch, width: 1, steps: 3 });
    await side.end();
    add({ name: `peak-memory-b${batch}`, ours: peakMiB, peer: null, ratio: null, unit: 'MiB' });
  }
  return rows;
}

/** The better of both sides' products of matrices, in GFLOP/s: what the machine can do. */
async function multiplying(...sides: readonly Side[]): Promise<number> {
  const seconds: number[] = [];
  for (const side of sides) seconds.push(median((await side.ask({ task: 'sgemm', steps: STEPS })).seconds));
  return SGEMM_GFLOP / Math.min(...seconds);
}

async function inTurns(
  name: string,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
  unit: string,
): Promise<Row> {
  const turns: { ours: number; peer: number }[] = [];
  // The first calls make things ready.
  await ours();
  await theirs();
  for (let turn = 0; turn < TURNS; turn++) turns.push({ ours: await ours(), peer: await theirs() });
  return {
    name,
    ours: median(turns.map((turn) => turn.ours)),
    peer: median(turns.map((turn) => turn.peer)),
    ratio: median(turns.map((turn) => turn.ours / turn.peer)),
    unit,
  };
}

/** The rows in columns. */
export function sideBySideTable(rows: readonly Row[]): string {
  return table(
    ['name', 'ours', 'peer', 'ratio', 'unit'],
    rows.map(({ name, ours, peer, ratio, unit }) => [
      name,
      ours.toFixed(1),
      peer?.toFixed(1) ?? '–',
      ratio?.toFixed(3) ?? '–',
      unit,
    ]),
  );
}
