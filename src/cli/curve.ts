import { Option, type Command } from 'commander';
import { openCompute } from '../compute';
import { loadCifar10 } from '../data/cifar10';
import { firstImages, SPLITS, type Split } from '../data/dataset';
import { computeSharpnessCurve, evenAlphas } from '../landscape/curve';
import {
  NORMALIZATIONS,
  normalizeDirection,
  randomDirection,
  type Normalization,
} from '../landscape/directions';
import { SIMPLE_VGG } from '../model/networks';
import { readDirection, readWeights } from '../executors/weights-file';
import { cacheFolder } from '../support/cache-folder';
import type { Progress } from '../support/progress';
import { common, engineOption, numbers, whole, type CommonOptions } from './options';
import type { EngineChoice } from '../compute';

interface CurveOptions extends CommonOptions {
  readonly engine: EngineChoice;
  readonly weights: string;
  readonly direction?: string;
  readonly directionSeed: number;
  readonly normalization: Normalization;
  readonly alphas: number[];
  readonly images?: number;
  readonly split: Split;
}

export function curveOptions(command: Command): Command {
  return common(command)
    .addOption(engineOption())
    .description("evaluate any SimpleVGG's loss curve; prints JSON with alphas, loss and accuracy on stdout")
    .requiredOption('--weights <file>', "safetensors in PyTorch's layout")
    .addOption(
      new Option(
        '--direction <file>',
        'safetensors with the names of the weights; a missing tensor is 0',
      ).conflicts('directionSeed'),
    )
    .option('--direction-seed <n>', 'a random direction', whole(), 0)
    .addOption(
      new Option('--normalization <name>', 'how the direction is scaled')
        .choices(NORMALIZATIONS)
        .default('filter'),
    )
    .option('--alphas <list>', 'distances along the direction', numbers(), evenAlphas(11))
    .option('--images <n>', 'the first n images of the split (default: all)', whole())
    .addOption(new Option('--split <name>', 'which images').choices(SPLITS).default('train'));
}

export async function printCurve(options: CurveOptions, progress: Progress): Promise<void> {
  const { weights: file, alphas, normalization, split, engine } = options;
  const { say } = progress;
  const weights = readWeights(file, SIMPLE_VGG);
  const direction = options.direction
    ? readDirection(options.direction, SIMPLE_VGG)
    : randomDirection(SIMPLE_VGG, options.directionSeed);
  const asItIs = options.direction !== undefined && normalization === 'none';
  const normalized = asItIs ? direction : normalizeDirection(SIMPLE_VGG, direction, weights, normalization);
  const all = loadCifar10(split, cacheFolder(), say);
  const data = firstImages(all, options.images ?? all.count);
  const { compute, skipped } = await openCompute(engine, cacheFolder(), say);
  try {
    for (const line of skipped) say(`Skipped ${line}`);
    const task = progress.begin('Curve', alphas.length * data.count);
    const curve = await computeSharpnessCurve(compute, SIMPLE_VGG, data, weights, normalized, alphas, {
      onImages: task.advance,
    });
    task.end();
    const loss = curve.points.map((point) => point.loss);
    const accuracy = curve.points.map((point) => point.accuracy);
    process.stdout.write(`${JSON.stringify({ alphas, loss, accuracy })}\n`);
  } finally {
    await compute.close();
  }
}
