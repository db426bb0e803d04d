import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Command } from 'commander';
import { expectedSeconds } from '../compute/rates';
import { describeEngine } from '../engine/describe';
import { resultsView } from '../executors/results-view';
import { parsePlan, type Plan } from '../studies/sweep/plan';
import { sweepCsv } from '../studies/sweep/export';
import { datasetsOf } from '../studies/sweep/jobs';
import { statusText, sweepRows } from '../studies/sweep/rows';
import { sweepStudy } from '../studies/sweep/study';
import type { Setup } from '../studies/study';
import { writeAtomically } from '../support/atomic-file';
import { messageOf, UserError } from '../support/errors';
import { guarded } from '../support/folders';
import { duration, imagesPerSecond, type Progress } from '../support/progress';
import { common, DEFAULT_STORE, runOptions, type RunOptions } from './options';
import { noteIn, openOutFolder } from './out-folder';
import { openStores, runCommand } from './run-study';

type SweepOptions = RunOptions & { out?: string; overwrite?: boolean };

interface StatusOptions {
  readonly store?: string;
  readonly also?: string;
  readonly out?: string;
}

type SweepSetup = Setup<{ plan: Plan; planFile: string }>;

export function sweepOptions(command: Command, progress: Progress): Command {
  const sweepCommand = runOptions(command)
    .description(
      'train every network, batch size, seed and protocol of a plan with each other, and measure the minimizers. ' +
        'What the store holds is not computed again, whichever study it was computed for',
    )
    .argument('<plan>', 'a YAML file, such as sweeps/batch-size.yaml')
    .optionsGroup('The study:')
    .option('--out <dir>', 'where the report goes (default: results/sweep-<name>)')
    .option('--overwrite', "forget the study's own results first")
    .addHelpText(
      'after',
      '\nExamples: npx ts-node reproduce.ts sweep sweeps/batch-size.yaml\n' +
        '          npx ts-node reproduce.ts sweep sweeps/batch-size.yaml --queue redis://host --store s3://bucket/sweeps\n' +
        'Ctrl-C stores what is under way; the same command resumes from there.',
    )
    .action((file: string, options: SweepOptions) => sweep(file, options, progress));
  const stored = (name: string, description: string) =>
    common(command.command(name))
      .description(description)
      .argument('<plan>', 'a YAML file, such as sweeps/batch-size.yaml')
      .option('--store <dir>', `where the results are (default: ${DEFAULT_STORE})`)
      .option('--also <dir>', 'a second store, which is read and never written')
      .option('--out <dir>', "the sweep's report folder (default: results/sweep-<name>)");
  stored('status', 'print how far a sweep is').action(async (file: string, options: StatusOptions) => {
    const { plan, rows } = await rowsOf(file, options, progress);
    process.stdout.write(statusText(plan, rows));
  });
  stored('export', 'write what is known of a sweep as a table')
    .requiredOption('--csv <file>', 'a row for each job and quantity, with a header')
    .action(async (file: string, options: StatusOptions & { csv: string }) => {
      const { findings } = await findingsOf(file, options, progress);
      guarded(options.csv, () => writeAtomically(options.csv, sweepCsv(findings)), 'choose another --csv');
    });
  stored('report', "write a sweep's report as its results are now").action(
    async (file: string, options: StatusOptions) => {
      const { setup, path, findings } = await findingsOf(file, options, progress);
      const out = await openOutFolder(path, { settings: noteOf(setup.settings.plan), growing: GROWING });
      for (const { name, content } of await sweepStudy.files(findings)) out.write(name, content);
      process.stdout.write(`${join(path, 'report.html')}\n`);
    },
  );
  return sweepCommand;
}

/** A plan may change as its author likes: the store says what is done, and the report is written again. */
const GROWING = ['plan', 'setup'];

async function sweep(file: string, options: SweepOptions, progress: Progress): Promise<void> {
  const plan = readPlan(file);
  const path = options.out ?? join('results', `sweep-${plan.name}`);
  const { findings: _, out } = await runCommand(
    options,
    {
      study: sweepStudy,
      settings: () => ({ plan, planFile: relative('.', file) }),
      datasets: () => datasetsOf(plan),
      batchSizes: () => plan.batchSizes,
      out: () =>
        openOutFolder(path, { settings: noteOf(plan), growing: GROWING, overwrite: options.overwrite }),
      announce: (_settings, cost, rates, info) => [
        `Sweep ${plan.name}, ${describeEngine(info)}.`,
        ...(rates
          ? [
              `At most about ${duration(expectedSeconds(cost, rates))} here, at ` +
                `${imagesPerSecond(rates.training)} images/s in training, ${imagesPerSecond(rates.evaluation)} in evaluation.`,
            ]
          : []),
      ],
      overwrite: options.overwrite,
    },
    progress,
  );
  const { rows } = await rowsOf(file, options, progress);
  process.stdout.write(statusText(plan, rows));
  progress.say(`Report: ${join(out.path, 'report.html')}, report.md and sweep.csv`);
}

function noteOf(plan: Plan): Readonly<Record<string, unknown>> {
  return { name: plan.name, plan };
}

async function findingsOf(file: string, options: StatusOptions, progress: Progress) {
  const { setup, path, view } = await openStored(file, options, progress);
  return { setup, path, findings: await view.evaluate((results) => sweepStudy.judge(setup, results)) };
}

async function rowsOf(file: string, options: StatusOptions, progress: Progress) {
  const { setup, view } = await openStored(file, options, progress);
  const rows = await view.evaluate((results) => sweepRows(setup, results));
  return { plan: setup.settings.plan, rows };
}

/**
 * A sweep as it was last run, with the engine and the data of then.
 *
 * @throws UserError if it was never run.
 */
async function openStored(file: string, options: StatusOptions, progress: Progress) {
  const plan = readPlan(file);
  const path = options.out ?? join('results', `sweep-${plan.name}`);
  const note = noteIn(path);
  if (!note?.setup)
    throw new UserError(`${path} holds nothing of sweep ${plan.name}: run it first, or name its --out.`);
  const setup = {
    ...(note.setup as Omit<SweepSetup, 'settings'>),
    settings: { plan, planFile: relative('.', file) },
  };
  return { setup, path, view: await resultsView(await openStores(options, progress.say)) };
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
