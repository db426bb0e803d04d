import { messageOf } from '../src/support/errors';
import { stepsOf, type Point, type Settings } from './growth-plan';
import type { GrowthRow } from './growth-results';
import { TooLong, type Answer, type Side } from './side';
import { openSide, type SideName } from './sides';
import { median } from './statistics';

export type Figures = Omit<GrowthRow, 'engine' | 'varies' | 'value' | 'reason'>;
/** What came of a point on one side: figures, or the reason why there are none. */
export type Outcome = Figures | string;

/** Seconds that one answer may take: where steps are long, that is one step. */
const MOST_SECONDS = { train: 60, direction: 300 };
const TOO_LONG = { train: 'a step takes over a minute', direction: 'a direction takes over five minutes' };
const TRAINING_IMAGES = 50_000;

/**
 * Measures a point on several sides, each in a fresh process, which take turns; where PyTorch is one of them, the
 * others are compared with it turn by turn.
 */
export async function measurePoint(
  point: Point,
  names: readonly SideName[],
  { turns, turnSeconds }: Settings,
): Promise<Map<SideName, Outcome>> {
  const sides = names.map((name) => contender(name, point, turnSeconds));
  for (const side of sides) await side.open();
  if (point.task === 'train') for (const side of sides) await side.rehearse();
  for (let turn = 0; turn < (point.task === 'train' ? turns : 1); turn++) {
    for (const side of sides) await side.takeTurn();
  }
  for (const side of sides) await side.close();
  const peer = sides.find(({ name }) => name === 'pytorch')?.rates();
  return new Map(sides.map((side) => [side.name, side.outcome(peer)]));
}

/** A side at one point, as far as it gets: what fails gives the reason, and nothing more is tried. */
function contender(name: SideName, point: Point, turnSeconds: number) {
  const answers: Answer[] = [];
  let side: Side | undefined;
  let reason: string | undefined;
  /** That a step takes, as far as is known. */
  let stepSeconds = Infinity;

  const attempt = async (action: () => Promise<void>) => {
    if (reason !== undefined) return;
    try {
      await action();
    } catch (error) {
      reason = error instanceof TooLong ? TOO_LONG[point.task] : messageOf(error);
    }
  };
  const ask = async () => {
    const { threads: _, ...task } = point;
    const answer = await side!.ask(
      task.task === 'train'
        ? { ...task, steps: stepsOf(stepSeconds, turnSeconds, task.batch, TRAINING_IMAGES) }
        : task,
      MOST_SECONDS[task.task],
    );
    stepSeconds = median(answer.seconds);
    return answer;
  };
  const rates = () => {
    const images = point.task === 'train' ? point.batch * (side?.workers ?? 1) : point.images * point.alphas;
    return reason === undefined ? answers.map(({ seconds }) => images / median(seconds)) : undefined;
  };

  return {
    name,
    open: () => attempt(async () => void (side = await openSide(name, point.threads))),
    /** One step, which makes things ready and shows how long it takes. */
    rehearse: () => attempt(async () => void (await ask())),
    takeTurn: () => attempt(async () => void answers.push(await ask())),
    close: async () => side?.end(),

    /** Images a second of each turn; undefined where it failed. */
    rates,
    /** @param peer PyTorch's rates, turn by turn. */
    outcome(peer: readonly number[] | undefined): Outcome {
      const own = rates();
      if (!own) return reason!;
      return {
        imagesPerSecond: median(own),
        seconds: median(answers.map(({ seconds }) => median(seconds))),
        cores: median(answers.map(({ cores }) => cores)),
        peakMiB: Math.max(...answers.map(({ peakMiB }) => peakMiB)),
        timesPytorch: peer && name !== 'pytorch' ? median(own.map((rate, i) => rate / peer[i])) : null,
      };
    },
  };
}
