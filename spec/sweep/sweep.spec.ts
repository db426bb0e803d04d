import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { SweepReport } from '../../src/sweep/report/report';
import { folderStore } from '../../src/sweep/store';
import { reproduce, startReproduce } from '../helpers/command-line';
import { fastestEngine } from '../helpers/engine';

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true }));
const engine = ['--engine', fastestEngine()];

/** A plan's file: four jobs that take a second each. */
function planFile(name: string, changes: Readonly<Record<string, string>> = {}): string {
  const values = {
    networks: '[SimpleVGG]',
    batchSizes: '[16, 48]',
    seeds: '[1, 2]',
    trainSize: '48',
    testSize: '16',
    protocols: '[{ name: sgd, optimizer: { kind: sgd }, learningRate: .01, epochs: 2 }]',
    measures: '[{ kind: sam, images: 16 }]',
    ...changes,
  };
  const file = join(root, `${name}.yaml`);
  writeFileSync(
    file,
    [`name: ${name}`, ...Object.entries(values).map(([key, value]) => `${key}: ${value}`)].join('\n'),
  );
  return file;
}

/** All that a store holds of results but times and the commit. */
async function figuresIn(path: string): Promise<unknown> {
  const store = folderStore(path);
  const names = await store.list('results/');
  const contents = await Promise.all(names.map((name) => store.read(name)));
  return contents.map((content, at) => [
    names[at],
    JSON.parse(Buffer.from(content!).toString(), (key, value: unknown) =>
      key === 'seconds' || key === 'commit' ? 0 : value,
    ),
  ]);
}

describe('sweep', () => {
  const store = join(root, 'store');

  test('does every job of a plan, and none twice, also where another plan has some of them', async () => {
    const plan = planFile('first');
    const first = await reproduce('sweep', plan, '--store', store, ...engine, '--workers', '2');
    expect(first.stderr).toMatch(/4 jobs, of which 0 are done already/);
    expect(first.stdout).toBe(
      'Sweep first: 4 jobs: 4 done.\n' +
        '  SimpleVGG, sgd, batch size 16: 2 of 2\n' +
        '  SimpleVGG, sgd, batch size 48: 2 of 2\n',
    );
    expect(first.code).toBe(0);
    const before = await figuresIn(store);
    expect(before).toHaveLength(8);

    const larger = planFile('second', {
      seeds: '[3, 2, 1]',
      batchSizes: '[48]',
      protocols: '[{ name: other, optimizer: { kind: sgd }, learningRate: 1.e-2, epochs: 2 }]',
    });
    const second = await reproduce('sweep', larger, '--store', store, ...engine, '--workers', '1');
    expect(second.stderr).toMatch(/3 jobs, of which 2 are done already/);
    expect(second.stderr.match(/training loss/g)).toHaveLength(1);
    expect(second.code).toBe(0);
    expect(await figuresIn(store)).toEqual(expect.arrayContaining(before as unknown[]));
  });

  test('interrupted by Ctrl-C ends with 130, and goes on to the same bits', async () => {
    // Long enough to be interrupted in the middle.
    const plan = planFile('interrupted', {
      batchSizes: '[16]',
      seeds: '[1]',
      protocols: '[{ name: sgd, optimizer: { kind: sgd }, learningRate: .001, epochs: 15 }]',
    });
    const path = (name: string) => ['sweep', plan, '--store', join(root, name), ...engine, '--workers', '1'];
    expect((await reproduce(...path('whole'))).code).toBe(0);
    const { process, said, ended } = startReproduce(path('parts'));
    await said('Sweep interrupted: begun');
    // The worker takes some seconds to begin, and the job some more to end.
    const checkpoint = folderStore(join(root, 'parts'));
    while ((await checkpoint.list('checkpoints/')).length === 0) await new Promise((r) => setTimeout(r, 50));
    process.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect([code, stdout]).toEqual([130, '']);
    expect(stderr).toContain('goes on from there.');
    expect(await checkpoint.list('results/')).toEqual([]);
    const status = await reproduce('sweep', 'status', plan, '--store', join(root, 'parts'));
    expect(status.stdout).toContain('1 job: 1 begun.');
    const resumed = await reproduce(...path('parts'));
    expect(resumed.stderr).toMatch(/batch size 16, seed 1: going on after (step \d of epoch|epoch) \d+/);
    expect(resumed.code).toBe(0);
    expect(await figuresIn(join(root, 'parts'))).toEqual(await figuresIn(join(root, 'whole')));
  });

  test('exports what is done, and tells of a sweep that was never run', async () => {
    const csv = join(root, 'first.csv');
    const plan = join(root, 'first.yaml');
    const { code, stdout } = await reproduce('sweep', 'export', plan, '--store', store, '--csv', csv);
    expect([code, stdout]).toEqual([0, '']);
    expect(readFileSync(csv, 'utf8').match(/,done,/g)).toHaveLength(4 * 6);
    const never = await reproduce('sweep', 'status', planFile('never'), '--store', store);
    expect(never.stderr).toBe(`error: ${store} holds nothing of sweep never: run it first.\n`);
    expect(never.code).toBe(2);
  });

  test('reports what is done as a page, a text, values and a picture, in a folder of its choice', async () => {
    const plan = join(root, 'first.yaml');
    const out = join(root, 'a report');
    const { code, stdout } = await reproduce('sweep', 'report', plan, '--store', store, '--out', out);
    expect([code, stdout]).toEqual([0, `${join(out, 'report.html')}\n`]);
    expect(readdirSync(out).sort()).toEqual(['SimpleVGG-sgd.png', 'report.html', 'report.json', 'report.md']);
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as SweepReport;
    expect(report.groups[0].runs.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done']);
    // Two epochs bring none to 99%.
    expect(report.groups[0].runs.filter(({ comparable }) => comparable)).toEqual([]);
    expect(report.plan).toMatchObject({ name: 'first', batchSizes: [16, 48] });
    const text = readFileSync(join(out, 'report.md'), 'utf8');
    expect(text).toContain('4 at a training loss that cannot be compared');
    expect(text).toMatch(/npx ts-node reproduce.ts sweep .*first.yaml/);
  });

  test.each<[string[], string]>([
    [['sweep', planFile('bad', { batchSizes: '[16, many]' })], 'bad.yaml:3: batchSizes[1]: '],
    [['sweep', join(root, 'nowhere.yaml')], 'nowhere.yaml cannot be read'],
    [['sweep', planFile('good'), '--workers', '0'], '--workers must be from 1'],
    [['sweep', planFile('good'), '--engine', 'abacus'], "argument 'abacus' is invalid"],
    [['sweep', planFile('good'), '--store', join(root, 'good.yaml')], 'good.yaml'],
    [['sweep', planFile('good'), '--queue', 'redis://127.0.0.1:1'], '--queue needs --store: '],
    [['sweep'], "missing required argument 'plan'"],
    [['sweep', 'export', planFile('good')], "required option '--csv <file>' not specified"],
  ])('%j ends with exit code 2 and one line', async (args, message) => {
    const { code, stdout, stderr } = await reproduce(...args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([code, stdout]).toEqual([2, '']);
  });
});
