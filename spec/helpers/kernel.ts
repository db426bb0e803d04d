import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { inThisThread } from '../../src/compute/compute';
import { datasetSha256, imagesBetween } from '../../src/data/dataset';
import { imagesOfTraining, type LoadedData } from '../../src/executors/datasets';
import { inThisProcess } from '../../src/executors/executor';
import { folderStore } from '../../src/executors/folder-store';
import { leaseTaker } from '../../src/executors/lease';
import type { JobContext } from '../../src/executors/run-job';
import type { ResultStore } from '../../src/executors/store';
import { KEYS } from '../../src/jobs/result';
import { networkContent, type EngineId, type Training } from '../../src/jobs/training';
import { runStudy, type KnownData, type Setup, type Study, type StudyRun } from '../../src/studies/study';
import { Interrupted } from '../../src/support/errors';
import type { Progress } from '../../src/support/progress';
import { sha256 } from '../../src/support/sha256';
import { TINY_VGG } from './arbitraries';
import { specEngine } from './engine';
import { ENVIRONMENT } from './environment';
import { sampleImages } from './fixtures';

// What specs of jobs, executors and studies run on: 48 training images and 16 test images of CIFAR-10, as if there were
// no more, and stores in temporary folders.

export const SILENT: Progress = {
  say: () => {},
  detail: () => {},
  begin: () => ({ advance: () => {}, extend: () => {}, note: () => {}, milestone: () => {}, end: () => {} }),
  close: () => {},
};

const root = mkdtempSync(join(tmpdir(), 'kernel specs '));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A new folder for a store; its name has a space. */
export function freshFolder(): string {
  return mkdtempSync(join(root, 'a store '));
}

export function freshStore(): ResultStore {
  return folderStore(freshFolder());
}

export function tinyData(): LoadedData {
  const images = sampleImages();
  const [train, test] = [imagesBetween(images, 0, 48), imagesBetween(images, 48, 64)];
  return { train, test, sha256: { train: datasetSha256(train), test: datasetSha256(test) } };
}

/** The same as studies know it. */
function tinyKnownData(): KnownData {
  const { train, test, sha256 } = tinyData();
  return { ...sha256, trainImages: train.count, testImages: test.count };
}

async function specEngineId(): Promise<EngineId> {
  const { name, version } = (await specEngine()).info;
  return { name, version };
}

/** The setup of a study on the tiny data set, whatever data set its networks are for. */
export async function tinySetup<Settings>(settings: Settings): Promise<Setup<Settings>> {
  const data = tinyKnownData();
  return {
    settings,
    engine: await specEngineId(),
    data: { cifar10: data, cifar100: data, mnist: data },
    environment: ENVIRONMENT,
  };
}

/** What jobs are done with, on the tiny data set. */
export async function tinyContext(
  store: ResultStore,
  changes: Partial<JobContext> = {},
): Promise<JobContext> {
  const data = tinyData();
  return {
    compute: inThisThread(await specEngine()),
    store,
    leases: leaseTaker(store),
    data: { named: () => data, of: (training) => imagesOfTraining(data, training) },
    environment: (dataSha256) => ({ ...ENVIRONMENT, dataSha256 }),
    now: () => new Date(0),
    say: () => {},
    ...changes,
  };
}

/** Runs a study to its end in this process. */
export async function runHere<Settings, Findings>(
  study: Study<Settings, Findings>,
  setup: Setup<Settings>,
  store: ResultStore,
  changes: Partial<StudyRun<Findings>> = {},
): Promise<Findings> {
  return runStudy(study, setup, {
    store,
    executor: inThisProcess(await tinyContext(store)),
    progress: SILENT,
    signal: new AbortController().signal,
    publish: async () => {},
    ...changes,
  });
}

/** A training of a network of a few thousand parameters on the tiny data set: two epochs of three steps. */
export async function tinyTraining(changes: Partial<Training> = {}): Promise<Training> {
  const { sha256, train } = tinyData();
  return {
    network: networkContent(TINY_VGG),
    data: { ...sha256, images: train.count },
    engine: await specEngineId(),
    batchSize: 16,
    seed: 5,
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
    learningRate: 0.02,
    stopAfter: { epochs: 2 },
    ...changes,
  };
}

/** The value of a result or any other JSON in a store; undefined where it is not there. */
export async function storedJson<T>(store: ResultStore, key: string): Promise<T | undefined> {
  const bytes = await store.read(key);
  return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as T);
}

/**
 * All that a store holds of results, weights and losses of images, by name: JSON without its times and the commit, which
 * may change meanwhile, everything else as its SHA-256.
 */
export async function contentOf(store: ResultStore): Promise<Record<string, unknown>> {
  const content: Record<string, unknown> = {};
  for (const key of await store.list('')) {
    if (key.startsWith('leases/') || key.startsWith('checkpoints/')) continue;
    const bytes = (await store.read(key))!;
    content[key] = key.startsWith(KEYS.results) ? withoutTimes(bytes) : sha256(bytes);
  }
  return content;
}

const TIMES = ['seconds', 'finishedAt', 'commit'];

function withoutTimes(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'), (key, value: unknown) =>
    TIMES.includes(key) ? null : value,
  );
}

/** A signal that is aborted when `step` is called for the nth time. */
export function abortedAt(n: number): { signal: AbortSignal; step: () => void } {
  const controller = new AbortController();
  let steps = 0;
  return {
    signal: controller.signal,
    step() {
      if (++steps === n) controller.abort(new Interrupted('enough'));
    },
  };
}
