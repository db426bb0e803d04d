import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { NORMALIZATIONS } from '../landscape/directions';
import { EVALUATION_STATISTICS } from '../jobs/measure';
import { tensorboardFiles } from '../report/tensorboard';
import type { Report } from '../report/report';
import { announcement } from '../studies/comparison/cost';
import {
  comparisonOf,
  PRESETS,
  SENSITIVITY_IMAGES,
  settingsOf,
  settingsSchema,
  type ComparisonSettings,
  type PresetName,
  type Settings,
} from '../studies/comparison/settings';
import { comparisonStudy } from '../studies/comparison/study';
import { describeEngine } from '../engine/describe';
import type { EngineInfo } from '../engine/engine';
import { UserError } from '../support/errors';
import type { Progress } from '../support/progress';
import { precision, short } from '../verdict/claim';
import { numbers, real, runOptions, whole, type RunOptions } from './options';
import { noteIn, openOutFolder, type OutFolder } from './out-folder';
import { EXIT_CODES } from './process';
import { runCommand } from './run-study';

// The experiment itself, and its control.

export type ExperimentOptions = RunOptions &
  Partial<Omit<Settings, 'preset' | 'seed'>> & {
    preset?: PresetName;
    seed: number;
    out?: string;
  };

type ReproduceOptions = ExperimentOptions & {
  overwrite?: boolean;
  sensitivity?: boolean;
  sensitivityImages?: number;
  sensitivityTraining?: boolean;
  tensorboard?: boolean;
};

/** Settings that ask for more of the same: what is there stays good, and an experiment may grow by them. */
const GROWING = ['seeds', 'directions', 'testCurves'];

export function experimentOptions(command: Command, seeds: string): Command {
  return runOptions(command)
    .optionsGroup('The experiment:')
    .addOption(
      new Option('--preset <name>', 'what to run (default: full on a GPU, else quick)').choices(PRESETS),
    )
    .option('--seed <n>', 'decides every random draw', whole(), 42)
    .option('--seeds <n>', `${seeds} (default: 3 for full, else 1)`, whole())
    .option('--out <dir>', 'where the report goes (default: results/<preset>-seed<seed>)')
    .optionsGroup("To change one of the preset's values:")
    .option('--train-size <n>', 'train on the first n images', whole())
    .option('--small-batch <n>', "SB's batch size", whole())
    .option('--large-batch <n>', "LB's batch size", whole())
    .option('--small-epochs <n>', "SB's epochs", whole())
    .option('--large-epochs <n>', "LB's epochs", whole())
    .option('--learning-rate <x>', "SB's initial learning rate", real())
    .option('--large-learning-rate <x>', "LB's (default: SB's times √(LB/SB))", real())
    .option('--momentum <x>', "SGD's momentum", real())
    .option('--weight-decay <x>', 'L2 penalty on every parameter', real())
    .option('--dropout <x>', 'share of activations dropped before the last layer', real())
    .option('--augment', 'random crops and flips')
    .option('--no-augment', 'the images as they are')
    .option('--directions <n>', 'random directions', whole())
    .option('--alphas <list>', 'distances along a direction, such as -1,-0.5,0,0.5,1', numbers())
    .addOption(new Option('--normalization <name>', 'how directions are scaled').choices(NORMALIZATIONS))
    .option('--curve-images <n>', 'draw the curves over the first n training images', whole())
    .option('--test-curves', 'also draw the curves of the test loss')
    .addOption(
      new Option(
        '--evaluation-statistics <name>',
        'batch-norm statistics: recomputed over the training images (default), or running ones as training left them',
      ).choices(EVALUATION_STATISTICS),
    );
}

export async function reproduce(options: ReproduceOptions, progress: Progress): Promise<number> {
  const { sensitivity, sensitivityImages, sensitivityTraining, tensorboard } = options;
  if (sensitivityImages !== undefined && sensitivityImages < 1) {
    throw new UserError(`--sensitivity-images ${sensitivityImages} is out of range: it must be at least 1.`);
  }
  const withSensitivity = sensitivity === true || sensitivityImages !== undefined;
  const { findings, out } = await runComparison(options, progress, (settings) =>
    comparisonOf(settings, {
      parts: [
        'experiment',
        ...(withSensitivity ? (['sensitivity'] as const) : []),
        ...(sensitivityTraining ? (['learningRates'] as const) : []),
      ],
      sensitivityImages: sensitivityImages ?? SENSITIVITY_IMAGES,
    }),
  );
  if (findings.progress) throw new UserError(`${findings.reason}.`);
  if (tensorboard) {
    for (const { path, content } of tensorboardFiles(findings)) out.write(`tensorboard/${path}`, content);
  }
  progress.say(
    `Report: ${join(out.path, 'report.html')} and report.md, picture: ${join(out.path, 'sharpness_comparison.png')}`,
  );
  process.stdout.write(`verdict: ${findings.verdict}: ${findings.reason}\n`);
  return EXIT_CODES[findings.verdict];
}

export async function control(options: ExperimentOptions, progress: Progress): Promise<void> {
  const adopted = adoptedFrom(options);
  const { findings } = await runComparison(
    { ...adopted, ...given(options), seeds: adopted.seeds },
    progress,
    (settings) =>
      comparisonOf(settings, { parts: ['control'], controlSeeds: options.seeds ?? settings.seeds }),
  );
  const { control: found } = findings;
  if (!found) {
    progress.say('The report will hold the control when the experiment itself is done.');
    process.stdout.write('control: SB with another order of its batches is trained and measured\n');
    return;
  }
  const { rise, largestFactor } = found;
  process.stdout.write(
    `control: SB with another order of its batches rises ${short(rise.estimate)} times as fast as SB ` +
      `${precision(rise)}; the largest factor of a pair is ${short(largestFactor)}\n`,
  );
}

/** Settings of the folder's own experiment, which a control need not be told again. */
function adoptedFrom({ out, preset, seed }: ExperimentOptions): Partial<Settings> {
  const note = noteIn(out ?? join('results', `${preset ?? 'quick'}-seed${seed}`));
  return (note?.settings ?? {}) as Partial<Settings>;
}

function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

async function runComparison(
  options: ExperimentOptions & { overwrite?: boolean },
  progress: Progress,
  comparison: (settings: Settings) => ComparisonSettings,
): Promise<{ findings: Report; out: OutFolder }> {
  const { overwrite } = options;
  const wanted = (usual: PresetName) => settingsOf(options.preset ?? usual, options.seed, changesOf(options));
  // Before anything is fetched, though without knowing whether a GPU decides the preset.
  const early = wanted('quick');
  const path = (settings: Settings) =>
    options.out ?? join('results', `${settings.preset}-seed${settings.seed}`);
  let out = options.out === undefined ? undefined : await outFolder(path(early), early, overwrite);
  const settings = (info: EngineInfo) => comparison(wanted(info.gpu ? 'full' : 'quick'));
  const { findings, out: used } = await runCommand(
    options,
    {
      study: comparisonStudy,
      settings,
      datasets: () => ['cifar10'],
      batchSizes: ({ settings: { smallBatch, largeBatch } }) => [smallBatch, largeBatch],
      out: async ({ settings: own }) => (out = await outFolder(path(own), own, overwrite, out)),
      announce: ({ settings: own }, cost, rates, info) => [
        `Preset ${own.preset}, seed ${own.seed}, ${describeEngine(info)}.`,
        ...(rates ? announcement(own, cost, rates) : []),
      ],
      overwrite,
    },
    progress,
  );
  return { findings, out: used };
}

function outFolder(
  path: string,
  settings: Settings,
  overwrite?: boolean,
  held?: OutFolder,
): Promise<OutFolder> {
  return openOutFolder(path, { settings, growing: GROWING, overwrite, isHeld: held?.path === path });
}

/** The preset's values that flags change. */
function changesOf(options: Partial<Settings>): Partial<Settings> {
  const keys = Object.keys(settingsSchema.omit({ preset: true, seed: true }).shape) as (keyof Settings)[];
  return Object.fromEntries(
    keys.map((key) => [key, options[key]]).filter(([, value]) => value !== undefined),
  );
}
