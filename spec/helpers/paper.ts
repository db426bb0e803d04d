import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from '@jest/globals';
import { inThisThread } from '../../src/compute/compute';
import { imagesBetween } from '../../src/data/dataset';
import { Interrupted } from '../../src/support/errors';
import { shallow } from '../../src/model/networks';
import type { PaperContext } from '../../src/paper/context';
import { runPaper } from '../../src/paper/experiment';
import { openPaperFolder } from '../../src/paper/folder';
import { paperSettingsOf, type PaperSettings } from '../../src/paper/settings';
import type { Progress } from '../../src/support/progress';
import { specEngine } from './engine';
import { ENVIRONMENT } from './environment';
import { sampleImages } from './fixtures';

const root = mkdtempSync(join(tmpdir(), 'tiny paper '));
afterAll(() => rmSync(root, { recursive: true }));

export const SILENT: Progress = {
  say: () => {},
  begin: () => ({ advance: () => {}, skip: () => {}, note: () => {}, milestone: () => {}, end: () => {} }),
  close: () => {},
};

/** C1's layers with few channels. */
export const TINY_C1 = shallow('C1', { width: 4, hidden: [8, 6], classes: 10 });

/**
 * The paper's experiment on C1 that takes seconds: 48 training images and 16 test images of CIFAR-10, one trial, two
 * epochs.
 *
 * @param changes of its settings.
 * @param path an earlier one's folder, to go on with; a new temporary one unless told.
 */
export async function tinyPaper(
  changes: Partial<PaperSettings> = {},
  path = mkdtempSync(join(root, 'out ')),
): Promise<PaperContext> {
  const images = sampleImages();
  const settings = paperSettingsOf('scaled', 7, {
    seeds: 1,
    trainSize: 48,
    smallBatch: 8,
    largeShare: 0.5,
    epochs: 2,
    sharpnessImages: 24,
    dimension: 3,
    plotAlphas: [0, 1],
    ...changes,
  });
  return {
    compute: inThisThread(await specEngine()),
    settings,
    folder: openPaperFolder(path, { settings, environment: ENVIRONMENT }),
    architectureOf: () => TINY_C1,
    load: (_, split) => (split === 'train' ? imagesBetween(images, 0, 48) : imagesBetween(images, 48, 64)),
    progress: SILENT,
  };
}

/** Runs an experiment until something with such a label has begun to move, and interrupts it there. */
export async function interruptAt(context: PaperContext, label: string): Promise<void> {
  const controller = new AbortController();
  const run = runPaper({
    ...context,
    signal: controller.signal,
    progress: {
      ...SILENT,
      begin: (title) => ({
        ...SILENT.begin(title, 0),
        advance: () => {
          if (title.startsWith(label)) controller.abort(new Interrupted());
        },
      }),
    },
  });
  await expect(run).rejects.toThrow(Interrupted);
}
