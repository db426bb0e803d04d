import { readFileSync, writeFileSync } from 'node:fs';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { ENGINE_NAMES, type EngineName } from '../src/engine/engine';
import { drawGrowth } from './growth-picture';
import { FULL, QUICK } from './growth-plan';
import { growthTable, parseGrowth } from './growth-results';
import { measureGrowth } from './growth';
import { serve } from './serve';
import { sharpnessRates } from './sharpness';
import { sideBySide, sideBySideTable } from './side-by-side';
import { measureSweepCosts } from './sweep-costs';
import { sweepTable } from './sweep-table';

const progress = (line: string) => void process.stderr.write(`${line}\n`);
const writeJson = (file: string, value: unknown) =>
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

const program = new Command('bench')
  .description('measures beside PyTorch; leave the machine alone meanwhile')
  .enablePositionalOptions()
  .option('--json <file>', 'write the rows there too')
  .action(async ({ json }: { json?: string }) => {
    const rows = await sideBySide(({ name, ours, unit }) => progress(`${name}: ${ours.toFixed(1)} ${unit}`));
    process.stdout.write(sideBySideTable(rows));
    if (json) writeJson(json, rows);
  });

program
  .command('growth')
  .description('how cost grows with batch size, width, threads, images and alphas, on every engine')
  .option('--engines <names>', 'which engines, such as tensorflow,wasm', engineNames, [...ENGINE_NAMES])
  .option('--json <file>', 'write the rows there too, after every point')
  .option('--quick', 'a few small points, to see whether all of it works')
  .action(
    async ({ engines, json, quick }: { engines: readonly EngineName[]; json?: string; quick?: boolean }) => {
      const growth = await measureGrowth(engines, quick ? QUICK : FULL, (soFar, fresh) => {
        for (const { engine, varies, value, imagesPerSecond, reason } of fresh) {
          const result =
            imagesPerSecond === null ? `n/a: ${reason}` : `${imagesPerSecond.toFixed(1)} images/s`;
          progress(`${varies} ${value}, ${engine}: ${result}`);
        }
        if (json) writeJson(json, soFar);
      });
      process.stdout.write(growthTable(growth.rows));
    },
  );

program
  .command('sharpness')
  .description("the paper's Metric 2.1 against training with batches of the same size, on C1 (10 minutes)")
  .option('--engine <name>', 'which engine', 'tensorflow')
  .option('--json <file>', 'write the rows there too')
  .action(async ({ engine, json }: { engine: EngineName; json?: string }) => {
    const rows = await sharpnessRates(engineNames(engine)[0]);
    process.stdout.write(sideBySideTable(rows));
    if (json) writeJson(json, rows);
  });

program
  .command('sweep')
  .description('what training jobs cost beside training (3 minutes)')
  .option('--engine <name>', 'which engine', 'tensorflow')
  .option('--json <file>', 'write the figures there too')
  .action(async ({ engine, json }: { engine: string; json?: string }) => {
    const costs = await measureSweepCosts(engineNames(engine)[0], progress);
    process.stdout.write(sweepTable(costs));
    if (json) writeJson(json, costs);
  });

program
  .command('plot')
  .description("draws growth's rows as pictures beside them, without measuring")
  .argument('<file>', "what growth's --json wrote")
  .action(async (file: string) => {
    for (const { name, png } of await drawGrowth(parseGrowth(readFileSync(file, 'utf8')))) {
      const picture = `${file.replace(/\.json$/, '')}-${name}.png`;
      writeFileSync(picture, png);
      process.stdout.write(`${picture}\n`);
    }
  });

// What the benchmark starts for itself, a process for each side.
program
  .command('serve', { hidden: true })
  .addArgument(new Argument('<engine>').choices(ENGINE_NAMES))
  .action(serve);

function engineNames(text: string): EngineName[] {
  return text.split(',').map((name) => {
    const known = ENGINE_NAMES.find((engine) => engine === name);
    if (!known) throw new InvalidArgumentError(`There are ${ENGINE_NAMES.join(', ')}.`);
    return known;
  });
}

void program.parseAsync();
