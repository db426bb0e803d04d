import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import {
  leftToFolder,
  openRunFolder,
  reopenRunFolder,
  type OpenOptions,
} from '../../src/experiment/run-folder';
import { settingsOf, type Settings } from '../../src/experiment/settings';
import { ENVIRONMENT } from '../helpers/environment';

/** What decides where curves are evaluated, changed one at a time, and how the refusal names it. */
const OTHER_GRIDS: [Partial<Settings>, RegExp][] = [
  [{ curveImages: 50_000 }, /holds an experiment with --curve-images 10000, not 50000: choose another --out/],
  [{ normalization: 'layer' }, /with --normalization filter, not layer/],
  [{ alphas: [-1, 0, 1] }, /with --alphas .*, not -1,0,1/],
];
const CURVES = [
  { grid: 'curve' as const, split: 'train' as const, direction: 0, directionSeed: 3000, points: [] },
];

describe('the folder of an experiment', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  afterAll(() => rmSync(root, { recursive: true }));
  let folders = 0;
  const fresh = () => join(root, String(++folders));
  const open = (
    path: string,
    changes: Partial<Settings> = {},
    options: OpenOptions = {},
    commit: string | null = null,
  ) =>
    openRunFolder(
      path,
      {
        settings: settingsOf('recipe', 3, { seeds: 2, curveImages: 10_000, ...changes }),
        environment: { ...ENVIRONMENT, commit },
      },
      options,
    );
  const settingsIn = (path: string) => reopenRunFolder(path)!.beginning.settings;

  test.each(OTHER_GRIDS)('that holds a curve refuses the grid %j and keeps the curve', (grid, message) => {
    const path = fresh();
    open(path).curves('control').write(CURVES);
    expect(() => open(path, grid)).toThrow(message);
    expect(open(path).curves('control').read()).toEqual(CURVES);
  });

  test.each(OTHER_GRIDS)('that holds no curve takes the grid %j', (grid) => {
    const path = fresh();
    const { settings } = open(path).beginning;
    open(path, grid);
    expect(settingsIn(path)).toEqual({ ...settings, ...grid });
  });

  test.each<[Partial<Settings>, Partial<Settings>, RegExp]>([
    [{ seeds: 3 }, { seeds: 2 }, /holds an experiment with --seeds 3, not 2/],
    [{ directions: 6 }, { directions: 5 }, /with --directions 6, not 5/],
    [{ testCurves: true }, { testCurves: false }, /with --test-curves true, not false/],
  ])('grows to %j, done or not, and shrinks to none of %j', (more, fewer, message) => {
    for (const isFinished of [undefined, () => true]) {
      const path = fresh();
      open(path, fewer).curves('large_batch').write(CURVES);
      open(path, more, { isFinished });
      expect(() => open(path, fewer, { isFinished })).toThrow(message);
      expect(settingsIn(path)).toMatchObject(more);
      expect(reopenRunFolder(path)!.curves('large_batch').read()).toEqual(CURVES);
    }
  });

  test('lends a control every setting of the curves that was not given, and keeps them', () => {
    const path = fresh();
    const begun = open(path, { directions: 7, testCurves: true, normalization: 'layer', alphas: [-1, 0, 1] });
    const given = { directions: 8 };
    const adopt = leftToFolder(given);
    const { settings } = openRunFolder(
      path,
      { settings: settingsOf('recipe', 3, given), environment: ENVIRONMENT },
      { adopt },
    ).beginning;
    expect(settings).toEqual({ ...begun.beginning.settings, directions: 8 });
    expect(settingsIn(path)).toEqual(settings);
  });

  test('says where another commit goes on, once something is left to compute, and names the first', () => {
    const path = fresh();
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    open(path, {}, { say }, 'aaa');
    open(path, {}, { say }, 'aaa');
    open(path, {}, { say }, null);
    open(path, {}, { say, isFinished: () => true }, 'bbb');
    expect(said).toEqual([]);
    expect(open(path, {}, { say }, 'bbb').beginning.environment.commit).toBe('aaa');
    expect(said).toEqual([
      `${path} was begun at commit aaa and goes on at bbb: the report names the one that it was begun at.`,
    ]);
  });
});
