import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { writeAtomically } from './src/support/atomic-file';
import { cacheFolder } from './src/support/cache-folder';
import { loadCifar10, splitSha256 } from './src/data/cifar10';
import { datasetSha256, firstImages, type Split } from './src/data/dataset';
import { loadDataset, type DatasetName } from './src/data/load';
import { ENGINE_CHOICES, openCompute, type EngineChoice, type OpenedCompute } from './src/compute';
import { probeEngine } from './src/compute/probe';
import { measureRates } from './src/compute/rates';
import { diagnose, diagnosisText } from './src/doctor';
import { describeEngine } from './src/engine/describe';
import { availableMemory, environmentOf } from './src/environment';
import { Interrupted, messageOf, UserError } from './src/support/errors';
import type { ExperimentContext } from './src/experiment/context';
import { announcement, workLeft } from './src/experiment/cost';
import { runControl, runExperiment } from './src/experiment/experiment';
import { isDone, judge } from './src/experiment/judge';
import { holdFolder } from './src/experiment/lock';
import { guarded, resultWriter } from './src/experiment/stored';
import {
  leftToFolder,
  openRunFolder,
  reopenRunFolder,
  type OpenOptions,
  type RunFolder,
} from './src/experiment/run-folder';
import { SENSITIVITY_IMAGES } from './src/experiment/sensitivity';
import { PRESETS, settingsOf, type PresetName, type Settings } from './src/experiment/settings';
import { computeSharpnessCurve, evenAlphas } from './src/landscape/curve';
import {
  NORMALIZATIONS,
  normalizeDirection,
  randomDirection,
  type Normalization,
} from './src/landscape/directions';
import { PLOT_STATISTICS } from './src/landscape/parametric';
import { PAPER_NETWORKS, paperNetwork, SIMPLE_VGG, simpleVggWith } from './src/model/networks';
import { runPaper } from './src/paper/experiment';
import { openPaperFolder, reopenPaperFolder, type PaperFolder } from './src/paper/folder';
import { judgePaper } from './src/paper/judge';
import { paperText } from './src/paper/markdown';
import {
  datasetFor,
  largeBatchOf,
  PAPER_PRESETS,
  paperSettingsOf,
  REMEDIES,
  type PaperPreset,
  type PaperSettings,
} from './src/paper/settings';
import { writePaperReport } from './src/paper/write-report';
import { readDirection, readWeights } from './src/model/safetensors';
import { demandMemory } from './src/support/memory';
import { stderrProgress } from './src/support/progress';
import { writeReport } from './src/experiment/write-report';
import { parseReport } from './src/report/report';
import { commandWord } from './src/report/text';
import { sweepCsv } from './src/sweep/export';
import { parsePlan, type Plan } from './src/sweep/plan';
import { sweepReport } from './src/sweep/report/report';
import { writeSweepReport } from './src/sweep/report/write-report';
import { openStore } from './src/sweep/store';
import { placeOf } from './src/sweep/redis-url';
import { runSweep, serve, statusText, sweepRows } from './src/sweep/sweep';
import { BATCH_STATISTICS } from './src/training/gradient';
import { precision, short } from './src/verdict/claim';

const EXIT_CODES = { PASS: 0, FAIL: 1, INCONCLUSIVE: 3 } as const;
const EXIT_ERROR = 2;
/** As a shell has it: 128 and the signal's number. */
const EXIT_SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

const progress = stderrProgress();
const say = progress.say;

interface CommonOptions {
  engine: EngineChoice;
  debug?: boolean;
}

type ExperimentOptions = CommonOptions &
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

type PaperOptions = CommonOptions &
  Partial<Omit<PaperSettings, 'preset' | 'seed'>> & {
    preset?: PaperPreset;
    seed: number;
    out?: string;
    data?: string;
    overwrite?: boolean;
  };

interface ComputingOptions extends CommonOptions {
  workers?: number;
  data?: string;
}

interface SweepCommandOptions extends ComputingOptions {
  store?: string;
  queue?: string;
  priority: number;
}

interface WorkerCommandOptions extends ComputingOptions {
  store: string;
  queue: string;
}

/** BullMQ's least urgent. */
const MOST_PRIORITY = 2_097_152;
/** More than any machine has a use for. */
const MOST_WORKERS = 1024;

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

  experimentOptions(program, 'independent pairs of runs, of seed, seed + 1, …')
    .optionsGroup('To do more:')
    .option('--overwrite', 'forget what an earlier run left in the output folder')
    .option('--sensitivity', 'the verdict under every normalization, split, range of α and form of the rise')
    .option(
      '--sensitivity-images <n>',
      `images of each split for it (default: ${SENSITIVITY_IMAGES})`,
      whole(),
    )
    .option('--sensitivity-training', 'LB with the learning rates .01, .04 and .16')
    .option('--tensorboard', 'also write the training logs as TensorBoard event files')
    .allowExcessArguments()
    .action(async (options: ReproduceOptions, { args }: Command) => {
      if (args.length > 0) {
        throw new UserError(
          `unknown command '${args[0]}': there are control, paper, sweep, worker, report, curve and doctor (see --help).`,
        );
      }
      process.exitCode = await reproduce(options);
    });

  experimentOptions(program.command('control'), 'pairs of SB and SB with another order of its batches')
    .description(
      'train SB once more from the same initial weights with another order of its batches, and draw its curves: ' +
        'how much do two runs of one method differ? The report of the same output folder holds it from then on',
    )
    .action(control);

  common(program.command('paper'))
    .description(
      "the paper's own measurements: its networks trained by Adam with SB and LB, and their sharpness by Metric 2.1 " +
        'in the full space and in a random subspace, in its Tables 2, 3 and 4. Prints the tables and a verdict on ' +
        'each claim; the exit code is 0 whatever they say',
    )
    .addOption(engineOption())
    .addOption(
      new Option(
        '--preset <name>',
        'scaled: a tenth of the data (default without a GPU); full: all of it',
      ).choices(PAPER_PRESETS),
    )
    .option('--networks <list>', `of ${PAPER_NETWORKS.join(', ')} (default: C1)`, names())
    .option('--seed <n>', 'decides every random draw', whole(), 42)
    .option('--seeds <n>', 'trials from random starts (default: 3 for scaled, 5 for full)', whole())
    .option(
      '--remedies <list>',
      `what LB is also trained with, of ${REMEDIES.join(', ')} (default: none)`,
      names(),
    )
    .option(
      '--batch-sizes <list>',
      'what the first trial is also trained with, for Figure 4, such as 16,64,256 (default: none)',
      numbers(),
    )
    .option(
      '--snapshot-epochs <list>',
      'after how many epochs SB and LB of the first trial are also measured, and LB begins where SB is, for ' +
        'Figures 2, 5 and 6, such as 1,2,4,8,16,32 (default: none)',
      numbers(),
    )
    .option('--out <dir>', 'where the results go (default: results/paper-<preset>-seed<seed>)')
    .option('--data <dir>', "the folder of CIFAR-100's train.bin and test.bin, for C3 and C4")
    .option('--overwrite', 'forget what an earlier run left in the output folder')
    .optionsGroup("To change one of the preset's values:")
    .option('--train-size <n>', 'train on the first n images', whole())
    .option('--small-batch <n>', "SB's batch size", whole())
    .option('--large-share <x>', "LB's batch size as a share of the training images", real())
    .option('--learning-rate <x>', "Adam's learning rate", real())
    .option('--epochs <n>', 'at most so many', whole())
    .option('--patience <n>', 'epochs without improvement after which training ends', whole())
    .option('--improvement <x>', 'share by which the loss must fall to count as improved', real())
    .option('--sharpness-images <n>', 'measure sharpness on the first n training images', whole())
    .addOption(
      new Option('--statistics <name>', 'what batch norm normalizes by in Metric 2.1').choices(
        BATCH_STATISTICS,
      ),
    )
    .option('--dimension <n>', 'of the random subspace', whole())
    .addOption(
      new Option('--plot-statistics <name>', 'what batch norm normalizes by between SB and LB').choices(
        PLOT_STATISTICS,
      ),
    )
    .option('--orthonormal', "the random subspace's matrix with orthonormal columns, not normal entries")
    .action(paper);

  sweepCommands(program);

  common(program.command('report'))
    .description('write all of the report anew from what a folder holds, without training')
    .argument('<dir>', 'an output folder, or one with a report.json alone')
    .option('--tensorboard', 'also write the training logs as TensorBoard event files')
    .action(rewriteReport);

  common(program.command('doctor'))
    .description(
      'try every engine: whether it works here, how fast it is, and what to do about one that is missing',
    )
    .option('--json', 'print it as JSON')
    .action(doctor);

  common(program.command('curve'))
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
    .addOption(new Option('--split <name>', 'which images').choices(['train', 'test']).default('train'))
    .action(printCurve);
  return program;
}

function sweepCommands(program: Command): void {
  const planned = (command: Command) =>
    common(command)
      .argument('<plan>', 'a YAML file, such as sweeps/batch-size.yaml')
      .option('--store <dir>', 'where the results are (default: results/sweep-<name>)');

  const computing = (command: Command) =>
    command
      .addOption(engineOption())
      .option(
        '--workers <n>',
        'processes side by side (default: as many as are fastest, measured once)',
        whole(),
      )
      .option('--data <dir>', "the folder of CIFAR-100's train.bin and test.bin, for C3 and C4");

  const command = computing(planned(program.command('sweep')))
    .description(
      'train every network, batch size, seed and protocol of a plan with each other, and measure the minimizers. ' +
        'What the store holds is not done again, whichever plan it was done for',
    )
    .addOption(queueOption('have the jobs done by the workers that listen to this Redis, not here'))
    .option('--priority <n>', 'of the jobs in the queue, from 1, which is taken first', whole(), 100)
    .addHelpText(
      'after',
      '\nExamples: npx ts-node reproduce.ts sweep sweeps/batch-size.yaml\n' +
        '          npx ts-node reproduce.ts sweep sweeps/batch-size.yaml --queue redis://host --store s3://bucket/sweeps\n' +
        'Ctrl-C stores what is under way; the same command goes on from there.',
    )
    .action(sweep);
  planned(command.command('status'))
    .description('print how far a sweep is')
    .action(async (file: string, options: { store?: string }) => {
      const plan = readPlan(file);
      process.stdout.write(statusText(plan, await sweepRows(plan, openStore(storeOf(plan, options), say))));
    });
  planned(command.command('report'))
    .description(
      'write what is known of a sweep as report.html, report.md and report.json, with a picture: batch size against test ' +
        'accuracy and each measure',
    )
    .option('--out <dir>', 'where the report goes (default: results/sweep-<name>)')
    .action(async (file: string, options: { store?: string; out?: string }) => {
      const plan = readPlan(file);
      const rows = await sweepRows(plan, openStore(storeOf(plan, options), say));
      const out = options.out ?? storeOf(plan, {});
      await writeSweepReport(resultWriter(out), sweepReport(plan, rows, relative('.', file)));
      process.stdout.write(`${join(out, 'report.html')}\n`);
    });
  planned(command.command('export'))
    .description('write what is known of a sweep as a table')
    .requiredOption('--csv <file>', 'a row for each job and quantity, with a header')
    .action(async (file: string, options: { store?: string; csv: string }) => {
      const plan = readPlan(file);
      const rows = await sweepRows(plan, openStore(storeOf(plan, options), say));
      const { csv } = options;
      guarded(csv, () => writeAtomically(csv, sweepCsv(rows)), 'choose another --csv');
    });

  computing(common(program.command('worker')))
    .description(
      'do the jobs of sweeps as they come, until Ctrl-C or SIGTERM; then those under way go to others',
    )
    .addOption(
      queueOption(
        'the Redis that sweeps are given to, such as rediss://user:password@host:6379',
      ).makeOptionMandatory(),
    )
    .requiredOption(
      '--store <dir>',
      "the sweeps' own: a folder that all machines share, or s3://bucket/prefix",
    )
    .addHelpText(
      'after',
      '\nExample: npx ts-node reproduce.ts worker --queue redis://host --store s3://bucket/sweeps',
    )
    .action(worker);
}

function common(command: Command): Command {
  return command.option('--debug', 'show the stack of an error');
}

/** Also taken from the environment: a command line, with whatever password is in it, is for every user to see. */
function queueOption(description: string): Option {
  return new Option('--queue <url>', description).env('SHARP_MINIMA_QUEUE');
}

function engineOption(): Option {
  return new Option('--engine <name>', 'what computes; auto is the best that works here')
    .choices(ENGINE_CHOICES)
    .default('auto');
}

function experimentOptions(command: Command, seeds: string): Command {
  return common(command)
    .addOption(engineOption())
    .addOption(
      new Option('--preset <name>', 'what to run (default: full on a GPU, else quick)').choices(PRESETS),
    )
    .option('--seed <n>', 'decides every random draw', whole(), 42)
    .option('--seeds <n>', `${seeds} (default: 3 for full, else 1)`, whole())
    .option('--out <dir>', 'where the results go (default: results/<preset>-seed<seed>)')
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
    .option('--test-curves', 'also draw the curves of the test loss');
}

async function reproduce(options: ReproduceOptions): Promise<number> {
  const { sensitivity, sensitivityImages, sensitivityTraining, tensorboard, overwrite, ...experiment } =
    options;
  if (sensitivityImages !== undefined && sensitivityImages < 1) {
    throw new UserError('--sensitivity-images must be at least 1.');
  }
  const extras = {
    sensitivityImages:
      sensitivity || sensitivityImages ? (sensitivityImages ?? SENSITIVITY_IMAGES) : undefined,
    learningRates: sensitivityTraining,
  };
  const isFinished = (folder: RunFolder) =>
    !extras.sensitivityImages && !sensitivityTraining && isDone(folder);
  return withExperiment(experiment, { overwrite, isFinished }, async (context) => {
    await announce(context);
    const report = await runExperiment(context, extras);
    const { path } = context.folder;
    await writeReport(context.folder.write, report, { tensorboard });
    say(
      `Report: ${join(path, 'report.html')} and report.md, picture: ${join(path, 'sharpness_comparison.png')}`,
    );
    process.stdout.write(`verdict: ${report.verdict}: ${report.reason}\n`);
    return EXIT_CODES[report.verdict];
  });
}

/** Says how long the experiment will take, unless nothing is left of it. */
async function announce({ compute, settings, folder }: ExperimentContext): Promise<void> {
  const work = workLeft(settings, folder);
  if (work.training === 0 && work.evaluation === 0) return;
  announcement(settings, work, await measureRates(compute)).forEach(say);
}

async function control({ seeds, ...options }: ExperimentOptions): Promise<void> {
  await withExperiment(options, { adopt: leftToFolder(options) }, async (context) => {
    const { folder, settings } = context;
    const { rise, largestFactor } = await runControl(context, seeds ?? settings.seeds);
    if (isDone(folder)) await writeReport(folder.write, judge(folder));
    else say('The report will hold the control when the experiment itself is done.');
    process.stdout.write(
      `control: SB with another order of its batches rises ${short(rise.estimate)} times as fast as SB ` +
        `${precision(rise)}; the largest factor of a pair is ${short(largestFactor)}\n`,
    );
  });
}

async function paper(options: PaperOptions): Promise<void> {
  const { engine, preset, seed, out, data, overwrite, debug: _, ...changes } = options;
  // Before anything is fetched, though without a GPU's say in the preset yet.
  paperSettingsOf(preset ?? 'scaled', seed, changes);
  await withCompute(engine, async ({ compute, skipped }) => {
    const { name, gpu } = compute.info;
    const settings = paperSettingsOf(preset ?? (gpu ? 'full' : 'scaled'), seed, changes);
    if (!gpu && name !== 'webgpu') {
      demandMemory(
        name,
        Math.max(...settings.networks.map((one) => largeBatchOf(settings, one))),
        availableMemory(),
      );
    }
    const path = out ?? join('results', `paper-${settings.preset}-seed${seed}`);
    const read = (dataset: DatasetName, split: Split) =>
      loadDataset(dataset, split, { cache: cacheFolder(), folder: data }, say);
    const train = new Map(settings.networks.map(datasetFor).map((one) => [one, read(one, 'train')]));
    const load = (dataset: DatasetName, split: Split) =>
      (split === 'train' && train.get(dataset)) || read(dataset, split);
    const dataSha256 = [...train.values()].map(datasetSha256).join(', ');
    hold(path);
    const beginning = { settings, environment: environmentOf(compute.info, skipped, dataSha256) };
    const folder = openPaperFolder(path, beginning, { overwrite, say });
    for (const line of skipped) say(`Skipped ${line}`);
    say(`The paper's experiment, preset ${settings.preset}, seed ${seed}, ${describeEngine(compute.info)}.`);
    const signal = untilInterrupted();
    await runPaper({ compute, architectureOf: paperNetwork, settings, folder, load, progress, signal });
    await writePaper(folder);
  });
}

async function writePaper(folder: PaperFolder): Promise<void> {
  const report = judgePaper(folder);
  await writePaperReport(folder.write, report);
  say(`Report: ${join(folder.path, 'paper.html')}, paper.md and paper.json, and a picture for each figure`);
  process.stdout.write(`${paperText(report)}\n`);
  for (const { network, claims } of report.networks) {
    for (const { id, verdict, reason } of claims) {
      process.stdout.write(`claim: ${network} ${id}: ${verdict}: ${reason}\n`);
    }
  }
}

async function sweep(file: string, options: SweepCommandOptions): Promise<void> {
  const { queue, priority } = options;
  const plan = readPlan(file);
  if (priority < 1 || priority > MOST_PRIORITY) {
    throw new UserError(`--priority must be from 1 to ${MOST_PRIORITY}.`);
  }
  if (queue !== undefined) {
    placeOf(queue);
    if (options.store === undefined) {
      throw new UserError('--queue needs --store: a folder that the workers share, or s3://bucket/prefix.');
    }
  }
  const location = storeOf(plan, options);
  const where = placesOf({ ...options, store: location });
  const store = openStore(location, say);
  // Another sweep may use the store meanwhile: equal jobs of both have equal results.
  if (!location.startsWith('s3://')) hold(join(location, 'sweeps', plan.name), '--store');
  await runSweep(plan, {
    ...where,
    store,
    signal: untilInterrupted(),
    queue: queue === undefined ? undefined : { url: queue, priority },
  });
  process.stdout.write(statusText(plan, await sweepRows(plan, store)));
  const given = [file, ...(options.store ? ['--store', options.store] : [])].map(commandWord);
  say(`For the report: npx ts-node reproduce.ts sweep report ${given.join(' ')}`);
}

async function worker(options: WorkerCommandOptions): Promise<void> {
  placeOf(options.queue);
  await serve(options.queue, { ...placesOf(options), signal: untilInterrupted() });
  // A connection to a Redis that is gone would keep the process.
  process.exit();
}

/** Where and how jobs are done. */
function placesOf({ store, engine, workers, data }: ComputingOptions & { store: string }) {
  if (workers !== undefined && (workers < 1 || workers > MOST_WORKERS)) {
    throw new UserError(`--workers must be from 1 to ${MOST_WORKERS}.`);
  }
  return { location: store, engine, workers, places: { cache: cacheFolder(), folder: data }, progress };
}

function storeOf({ name }: Plan, { store }: { store?: string }): string {
  return store ?? join('results', `sweep-${name}`);
}

function readPlan(file: string): Plan {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`The plan ${file} cannot be read (${messageOf(error)}).`);
  }
  return parsePlan(text, file);
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const diagnosis = await diagnose((name) => {
    say(`Trying ${name} …`);
    return probeEngine({ name, cache: cacheFolder(), measure: true }, say);
  });
  process.stdout.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : diagnosisText(diagnosis));
}

async function rewriteReport(path: string, options: { tensorboard?: boolean }): Promise<void> {
  const file = join(path, 'report.json');
  if (!existsSync(join(path, 'checkpoints')) && !existsSync(file)) {
    throw new UserError(`${path} holds neither an experiment nor a report.json.`);
  }
  hold(path);
  const paperFolder = reopenPaperFolder(path, say);
  if (paperFolder) return writePaper(paperFolder);
  const folder = reopenRunFolder(path, say);
  const report = folder ? judge(folder) : parseReport(readFileSync(file, 'utf8'), file);
  await writeReport(resultWriter(path), report, options);
  process.stdout.write(`${join(path, 'report.html')}\n`);
}

/** Has work done with an engine, whose threads end with it. */
async function withCompute<T>(choice: EngineChoice, work: (opened: OpenedCompute) => Promise<T>): Promise<T> {
  const opened = await openCompute(choice, cacheFolder(), say);
  try {
    return await work(opened);
  } finally {
    await opened.compute.close();
  }
}

/** Has work done on an experiment, under a signal. */
async function withExperiment<T>(
  { engine, ...options }: ExperimentOptions,
  openOptions: OpenOptions,
  work: (context: ExperimentContext) => Promise<T>,
): Promise<T> {
  // Before anything is fetched, though without a GPU's say in the preset yet.
  wantedSettings('quick', options);
  if (options.out) hold(options.out);
  return withCompute(engine, (opened) => work(begin(opened, options, openOptions)));
}

type OptionsOfAnyEngine = Omit<ExperimentOptions, 'engine'>;

function wantedSettings(
  usual: PresetName,
  { preset = usual, seed, out: _, debug: __, ...changes }: OptionsOfAnyEngine,
): Settings {
  return settingsOf(preset, seed, changes);
}

/** Makes data and folder ready, and sees to it that the work can be interrupted. */
function begin(
  { compute, skipped }: OpenedCompute,
  experiment: OptionsOfAnyEngine,
  options: OpenOptions,
): ExperimentContext {
  const wanted = wantedSettings(compute.info.gpu ? 'full' : 'quick', experiment);
  const { name, gpu } = compute.info;
  if (!gpu && name !== 'webgpu') demandMemory(name, wanted.largeBatch, availableMemory());
  const path = experiment.out ?? join('results', `${wanted.preset}-seed${wanted.seed}`);
  if (!experiment.out) hold(path);
  const beginning = {
    settings: wanted,
    environment: environmentOf(compute.info, skipped, splitSha256('train')),
  };
  const folder = openRunFolder(path, beginning, { ...options, say });
  const { settings } = folder.beginning;
  const signal = untilInterrupted();
  for (const line of skipped) say(`Skipped ${line}`);
  say(`Preset ${settings.preset}, seed ${settings.seed}, ${describeEngine(compute.info)}.`);
  const data = {
    train: firstImages(loadCifar10('train', cacheFolder(), say), settings.trainSize),
    test: loadCifar10('test', cacheFolder(), say),
  };
  return { compute, architecture: simpleVggWith(settings.dropout), data, settings, folder, progress, signal };
}

/** Keeps other processes out of a folder for as long as this one lives. */
function hold(path: string, flag = '--out'): void {
  process.once(
    'exit',
    guarded(path, () => holdFolder(path, new Date(), flag), `choose another ${flag}`),
  );
}

/** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process at once, as the system does it. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      process.exitCode = EXIT_SIGNALS[name];
      say('\nInterrupted: storing what was done (once more ends at once).');
      controller.abort(new Interrupted('interrupted'));
    });
  }
  return controller.signal;
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
  await withCompute(options.engine, async ({ compute, skipped }) => {
    for (const line of skipped) say(`Skipped ${line}`);
    const stretch = progress.begin('Curve', alphas.length * data.count);
    const curve = await computeSharpnessCurve(compute, SIMPLE_VGG, data, weights, normalized, alphas, {
      onImages: stretch.advance,
    });
    stretch.end();
    const loss = curve.points.map((point) => point.loss);
    const accuracy = curve.points.map((point) => point.accuracy);
    process.stdout.write(`${JSON.stringify({ alphas, loss, accuracy })}\n`);
  });
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

function names() {
  return (text: string) => text.split(',').map((name) => name.trim());
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
  if (error instanceof Interrupted) {
    const without = process.argv.includes('--overwrite') ? ', without --overwrite,' : '';
    say(`The same command${without} goes on from there.`);
    return Number(process.exitCode);
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
    progress.close();
    process.exitCode = explain(error);
  }
}

void main();
