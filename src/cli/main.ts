import { Command } from 'commander';
import { probeEngine } from '../compute/probe';
import { SENSITIVITY_IMAGES } from '../studies/comparison/settings';
import { cacheFolder } from '../support/cache-folder';
import { UserError } from '../support/errors';
import { stderrProgress, type Progress } from '../support/progress';
import { curveOptions, printCurve } from './curve';
import { diagnose, diagnosisText } from './diagnosis';
import { control, experimentOptions, reproduce } from './experiment';
import { common, whole } from './options';
import { paper, paperOptions } from './paper';
import { runProgram } from './process';
import { reportOptions, rewriteReport } from './report';
import { listStore, pruneStore, storeOptions } from './store';
import { sweepOptions } from './sweep';
import { worker, workerOptions } from './worker';

/** Runs the command that the arguments name. */
export async function main(argv: readonly string[]): Promise<void> {
  const progress = stderrProgress();
  await runProgram(progress, async () => {
    await commandLine(progress).parseAsync([...argv]);
  });
}

const COMMANDS = 'control, paper, sweep, worker, report, store, curve and doctor';

function commandLine(progress: Progress): Command {
  const program = new Command('reproduce')
    .enablePositionalOptions()
    .description(
      'Do large batches find sharp minima? Trains SimpleVGG on CIFAR-10 with a small batch (SB) and a large ' +
        'batch (LB), draws the loss curves around both minimizers along random directions, and reports whether ' +
        "LB's rises faster (Keskar et al., ICLR 2017).",
    )
    .addHelpText(
      'after',
      '\nExit code: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 2 an error, 130 after Ctrl-C (the same command, without --overwrite, resumes).\n' +
        'The last line on stdout is the verdict; everything else goes to stderr and to the output folder.',
    )
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll('\n', ' ')}\n`) })
    .exitOverride();

  experimentOptions(program, 'independent pairs of runs, of seed, seed + 1, …')
    .optionsGroup('To do more:')
    .option('--overwrite', "forget the experiment's own results first")
    .option('--sensitivity', 'the verdict under every normalization, split, range of α and form of the rise')
    .option(
      '--sensitivity-images <n>',
      `images of each split for it (default: ${SENSITIVITY_IMAGES})`,
      whole(),
    )
    .option('--sensitivity-training', 'LB with the learning rates 0.01, 0.04 and 0.16')
    .option('--tensorboard', 'also write the training logs as TensorBoard event files')
    .allowExcessArguments()
    .action(async (options: Parameters<typeof reproduce>[0], { args }: Command) => {
      if (args.length > 0) {
        throw new UserError(`unknown command '${args[0]}': there are ${COMMANDS} (see --help).`);
      }
      process.exitCode = await reproduce(options, progress);
    });

  experimentOptions(program.command('control'), 'pairs of SB and SB with another order of its batches')
    .description(
      'train SB once more from the same initial weights with another order of its batches, and draw its curves: ' +
        'how much do two runs of one method differ? The report of the same output folder holds it from then on',
    )
    .action((options: Parameters<typeof control>[0]) => control(options, progress));
  paperOptions(program.command('paper')).action((options: Parameters<typeof paper>[0]) =>
    paper(options, progress),
  );
  sweepOptions(program.command('sweep'), progress);
  workerOptions(program.command('worker')).action((options: Parameters<typeof worker>[0]) =>
    worker(options, progress),
  );
  reportOptions(program.command('report')).action(rewriteReport);
  const store = program.command('store').description('what is stored of all studies');
  storeOptions(store.command('list'))
    .description('print a line for each training, with what is stored of it')
    .action((options: Parameters<typeof listStore>[0]) => listStore(options, progress));
  storeOptions(store.command('prune'))
    .description('remove weights and checkpoints: weights are trained again when a measure needs them')
    .action((options: Parameters<typeof pruneStore>[0]) => pruneStore(options, progress));
  common(program.command('doctor'))
    .description(
      'try every engine: whether it works here, how fast it is, and what to do about one that is missing',
    )
    .option('--json', 'print it as JSON')
    .action((options: { json?: boolean }) => doctor(options, progress));
  curveOptions(program.command('curve')).action((options: Parameters<typeof printCurve>[0]) =>
    printCurve(options, progress),
  );
  return program;
}

async function doctor({ json }: { json?: boolean }, { say }: Progress): Promise<void> {
  const diagnosis = await diagnose((name) => {
    say(`Trying ${name} …`);
    return probeEngine({ name, cache: cacheFolder(), measure: true }, say);
  });
  process.stdout.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : diagnosisText(diagnosis));
}
