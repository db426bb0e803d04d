import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { PLOT_STATISTICS } from '../landscape/parametric';
import { PAPER_NETWORKS } from '../model/networks';
import { describeEngine } from '../engine/describe';
import {
  datasetFor,
  largeBatchOf,
  PAPER_PRESETS,
  paperSettingsOf,
  REMEDIES,
  type PaperPreset,
  type PaperSettings,
} from '../studies/paper/settings';
import { paperStudy } from '../studies/paper/study';
import { paperText } from '../studies/paper/markdown';
import type { PaperReport } from '../studies/paper/report';
import { UserError } from '../support/errors';
import type { Progress } from '../support/progress';
import { BATCH_STATISTICS } from '../training/gradient';
import { names, numbers, real, runOptions, whole, type RunOptions } from './options';
import { openOutFolder } from './out-folder';
import { runCommand } from './run-study';

type PaperOptions = RunOptions &
  Partial<Omit<PaperSettings, 'preset' | 'seed'>> & {
    preset?: PaperPreset;
    seed: number;
    out?: string;
    overwrite?: boolean;
  };

/** An experiment may grow by more of these. */
const GROWING = ['seeds', 'networks', 'remedies', 'batchSizes', 'snapshotEpochs'];

export function paperOptions(command: Command): Command {
  return runOptions(command)
    .description(
      "the paper's own measurements: its networks trained by Adam with SB and LB, and their sharpness by Metric 2.1 " +
        'in the full space and in a random subspace, in its Tables 2, 3 and 4. Prints the tables and a verdict on ' +
        'each claim; the exit code is 0 whatever they say',
    )
    .optionsGroup('The study:')
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
      'after how many epochs SB and LB of the first trial are also measured, and LB starts where SB is, for ' +
        'Figures 2, 5 and 6, such as 1,2,4,8,16,32 (default: none)',
      numbers(),
    )
    .option('--out <dir>', 'where the report goes (default: results/paper-<preset>-seed<seed>)')
    .option('--overwrite', "forget the study's own results first")
    .optionsGroup("To change one of the preset's values:")
    .option('--train-size <n>', 'train on the first n images', whole())
    .option('--small-batch <n>', "SB's batch size", whole())
    .option('--large-share <x>', "LB's batch size as a share of the training images", real())
    .option('--learning-rate <x>', "Adam's learning rate", real())
    .option('--epochs <n>', 'the maximum number of epochs', whole())
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
    .option('--orthonormal', "the random subspace's matrix with orthonormal columns, not normal entries");
}

export async function paper(options: PaperOptions, progress: Progress): Promise<void> {
  const wanted = (usual: PaperPreset) => paperSettingsOf(options.preset ?? usual, options.seed, options);
  // Before anything is fetched, though without knowing whether a GPU decides the preset.
  wanted('scaled');
  const { findings, out } = await runCommand(
    options,
    {
      study: paperStudy,
      settings: ({ gpu }) => ({ settings: wanted(gpu ? 'full' : 'scaled') }),
      datasets: ({ settings }) => settings.networks.map(datasetFor),
      batchSizes: ({ settings }) => [
        settings.smallBatch,
        ...settings.networks.map((network) => largeBatchOf(settings, network)),
      ],
      out: ({ settings }) =>
        openOutFolder(options.out ?? join('results', `paper-${settings.preset}-seed${settings.seed}`), {
          settings,
          growing: GROWING,
          overwrite: options.overwrite,
        }),
      announce: ({ settings }, _, __, info) => [
        `The paper's measurements, preset ${settings.preset}, seed ${settings.seed}, ${describeEngine(info)}.`,
      ],
      overwrite: options.overwrite,
    },
    progress,
  );
  if (findings.progress) {
    throw new UserError(`The study did not come to its end: ${findings.progress.missing.join('; ')}.`);
  }
  progress.say(
    `Report: ${join(out.path, 'paper.html')}, paper.md and paper.json, and a picture for each figure`,
  );
  printPaper(findings);
}

/** The tables and a line for each claim, on stdout. */
function printPaper(report: PaperReport): void {
  process.stdout.write(`${paperText(report)}\n`);
  for (const { network, claims } of report.networks) {
    for (const { id, verdict, reason } of claims) {
      process.stdout.write(`claim: ${network} ${id}: ${verdict}: ${reason}\n`);
    }
  }
}
