import { execFileSync } from 'node:child_process';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { cacheFolder } from './src/cache-folder';
import { firstImages, loadCifar10, splitSha256, type Split } from './src/data/cifar10';
import { ENGINES, openEngine, type EngineName } from './src/engine';
import type { Engine } from './src/engine/engine';
import { messageOf, UserError } from './src/errors';
import { runExperiment } from './src/experiment';
import { computeSharpnessCurve, evenAlphas } from './src/landscape/curve';
import {
  NORMALIZATIONS,
  normalizeDirection,
  randomDirection,
  type Normalization,
} from './src/landscape/directions';
import { SIMPLE_VGG } from './src/model/architecture';
import { readDirection, readWeights } from './src/model/safetensors';
import { demandMemory } from './src/memory';
import { stderrProgress } from './src/progress';
import { openRunFolder } from './src/run-folder';
import { PRESETS, settingsOf, type PresetName, type Settings } from './src/settings';

const EXIT_CODES = { PASS: 0, FAIL: 1, INCONCLUSIVE: 3 } as const;
const EXIT_ERROR = 2;
const EXIT_INTERRUPTED = 130;

const progress = stderrProgress();
const say = progress.say;

interface CommonOptions {
  engine: EngineName;
  debug?: boolean;
}

type ReproduceOptions = CommonOptions &
  Partial<Omit<Settings, 'preset' | 'seed'>> & {
    preset?: PresetName;
    seed: number;
    out?: string;
    overwrite?: boolean;
  };

interface CurveOptions extends CommonOptions {
  weights: string;
  direction?: string;
  directionSeed: number;
  normalization: Normalization;
  alphas: number[];
  images?: number;
  split: Split;
}

function commandLine(): Command {
  const program = new Command('reproduce')
    .enablePositionalOptions()
    .description(
      'Do large batches find sharp minima? Trains SimpleVGG on CIFAR-10 with a small batch (SB) and a large ' +
        'batch (LB), draws the loss curves around both minimizers along random directions, and reports whether ' +
        "LB's rises faster (Keskar et al., ICLR 2017).",
    )
    .addHelpText(
      'after',
      '\nExit code: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 2 an error, 130 after Ctrl-C (the same command, without --overwrite, goes on).\n' +
        'The last line on stdout is the verdict; everything else goes to stderr and to the output folder.',
    )
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll('\n', ' ')}\n`) })
    .exitOverride();

  common(program)
    .addOption(
      new Option('--preset <name>', 'what to run (default: full on a GPU, else quick)').choices(PRESETS),
    )
    .option('--seed <n>', 'decides every random draw', whole(), 42)
    .option('--out <dir>', 'where the results go (default: results/<preset>-seed<seed>)')
    .option('--overwrite', 'forget what an earlier run left in the output folder')
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
    .option('--test-every <n>', 'epochs between evaluations of the test set', whole())
    .option('--directions <n>', 'random directions', whole())
    .option('--alphas <list>', 'distances along a direction, such as -1,-0.5,0,0.5,1', numbers())
    .addOption(new Option('--normalization <name>', 'how directions are scaled').choices(NORMALIZATIONS))
    .option('--curve-images <n>', 'draw the curves over the first n training images', whole())
    .option('--test-curves', 'also draw the curves of the test loss')
    .action(async (options: ReproduceOptions) => {
      process.exitCode = await reproduce(options);
    });

  common(program.command('curve'))
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
    .addOption(new Option('--split <name>', 'which images').choices(['train', 'test']).default('train'))
    .action(printCurve);
  return program;
}

function common(command: Command): Command {
  return command
    .addOption(new Option('--engine <name>', 'what computes').choices(ENGINES).default('auto'))
    .option('--debug', 'show the stack of an error');
}

async function reproduce({ preset, seed, out, overwrite, engine: name, ...changes }: ReproduceOptions) {
  // Checked before anything is fetched, though without a GPU's say in the preset yet.
  settingsOf(preset ?? 'quick', seed, changes);
  const engine = await openEngine(name, cacheFolder(), say);
  const settings = settingsOf(preset ?? (engine.info.device === 'GPU' ? 'full' : 'quick'), seed, changes);
  if (engine.info.device !== 'GPU')
    demandMemory(Math.max(settings.smallBatch, settings.largeBatch), availableMemory());
  const path = out ?? join('results', `${settings.preset}-seed${seed}`);
  const folder = openRunFolder(path, { settings, environment: environmentOf(engine) }, overwrite ?? false);
  process.once('SIGINT', () => {
    say(
      '\nInterrupted. The same command, without --overwrite, goes on from the last epoch or curve that was done.',
    );
    process.exit(EXIT_INTERRUPTED);
  });
  say(`Preset ${settings.preset}, seed ${seed}, on ${engine.info.device}, ${engine.info.threads} threads.`);
  const data = {
    train: loadCifar10('train', cacheFolder(), say),
    test: loadCifar10('test', cacheFolder(), say),
  };
  const report = await runExperiment(engine, data, settings, folder, progress);
  say(`Report: ${join(path, 'report.md')}, picture: ${join(path, 'sharpness_comparison.png')}`);
  process.stdout.write(`verdict: ${report.verdict}: ${report.reason}\n`);
  return EXIT_CODES[report.verdict];
}

async function printCurve(options: CurveOptions): Promise<void> {
  const { weights: file, alphas, normalization, split } = options;
  const weights = readWeights(file, SIMPLE_VGG);
  const direction = options.direction
    ? readDirection(options.direction, SIMPLE_VGG)
    : randomDirection(SIMPLE_VGG, options.directionSeed);
  const asItIs = options.direction !== undefined && normalization === 'none';
  const normalized = asItIs ? direction : normalizeDirection(SIMPLE_VGG, direction, weights, normalization);
  const all = loadCifar10(split, cacheFolder(), say);
  const data = firstImages(all, options.images ?? all.count);
  const engine = await openEngine(options.engine, cacheFolder(), say);
  const stretch = progress.begin('Curve', alphas.length * data.count);
  const curve = await computeSharpnessCurve(engine, SIMPLE_VGG, data, weights, normalized, alphas, {
    onImages: stretch.advance,
  });
  stretch.end();
  const loss = curve.points.map((point) => point.loss);
  const accuracy = curve.points.map((point) => point.accuracy);
  process.stdout.write(`${JSON.stringify({ alphas, loss, accuracy })}\n`);
}

function environmentOf({ info }: Engine) {
  return {
    engine: info.name,
    engineVersion: info.version,
    device: info.device,
    threads: info.threads,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    commit: currentCommit(),
    dataSha256: splitSha256('train'),
  };
}

/** Of the machine, or of the container where that is less. */
function availableMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

function currentCommit(): string | null {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=40', '--exclude', '*'], {
      cwd: __dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}

function whole() {
  return (text: string) => {
    if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw new InvalidArgumentError('It must be a whole number.');
    }
    return Number(text);
  };
}

function real() {
  return (text: string) => {
    if (text.trim() === '' || !Number.isFinite(Number(text)))
      throw new InvalidArgumentError('It must be a number.');
    return Number(text);
  };
}

function numbers() {
  return (text: string) => text.split(',').map(real());
}

/** One line for a mistake of the user's or of the machine's; the stack only where it was asked for. */
function explain(error: unknown): number {
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')) {
    // Commander has printed its own line.
    return error.code === 'commander.helpDisplayed' || error.code === 'commander.help' ? 0 : EXIT_ERROR;
  }
  if (process.argv.includes('--debug'))
    say(error instanceof Error ? (error.stack ?? String(error)) : String(error));
  else if (error instanceof UserError) say(`error: ${error.message.replaceAll('\n', ' ')}`);
  else say(`error: ${messageOf(error).split('\n')[0]} (--debug shows where)`);
  return EXIT_ERROR;
}

async function main(): Promise<void> {
  // A reader that has gone, as behind `| head`, is no error.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.on('uncaughtException', (error) => process.exit(explain(error)));
  try {
    await commandLine().parseAsync();
  } catch (error) {
    process.exitCode = explain(error);
  }
}

void main();
