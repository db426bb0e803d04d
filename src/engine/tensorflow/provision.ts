import { existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { messageOf, UserError } from '../../support/errors';
import {
  addonPath,
  binaryPath,
  compileAddon,
  findCompiler,
  isForeign,
  isLinked,
  librariesFor,
  link,
} from './addon';
import { fetchWheel, findPython, isWhole, unpackWheels, type PipFolders } from './pip';
import { releaseFor, tensorflowVersion, type Build, type Release, type Wheel } from './pins';

export interface ProvisionOptions {
  /** The folder that TensorFlow is kept in. */
  readonly cache: string;
  readonly build: Build;
  /** Receives a line for each step. */
  readonly report: (line: string) => void;
}

/** What provisioning sees of the machine; specs hand in other machines. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  /** Node's platform and architecture, such as "linux-x64"; "linux-x64-musl" where the C library is not glibc. */
  readonly machine: string;
  readonly freeBytes: (folder: string) => Promise<number>;
  /** Where tfjs-node-gpu looks for its addon. */
  readonly addon: string;
  readonly release: Release | undefined;
  /** Milliseconds without a sign of life after which the lock of another process counts for nothing. */
  readonly staleAfter: number;
}

type Supported = Surroundings & { readonly release: Release };

const staging = 'tensorflow-staging-';

/**
 * Which build of TensorFlow to use: the CUDA one where the machine has an NVIDIA driver, unless
 * `SHARP_MINIMA_TENSORFLOW` says otherwise.
 *
 * @throws UserError if that variable is neither cpu nor cuda.
 */
export function tensorflowBuild(environment: NodeJS.ProcessEnv, machine = thisMachine()): Build {
  const wanted = environment.SHARP_MINIMA_TENSORFLOW;
  if (wanted === 'cpu' || wanted === 'cuda') return wanted;
  if (wanted) throw new UserError(`SHARP_MINIMA_TENSORFLOW must be cpu or cuda, not "${wanted}"`);
  const drivers = ['/proc/driver/nvidia/version', '/usr/lib/wsl/lib/libcuda.so.1'];
  return releaseFor(machine, 'cuda') && drivers.some((file) => existsSync(file)) ? 'cuda' : 'cpu';
}

/**
 * Puts TensorFlow into the cache folder and its addon where tfjs-node-gpu loads it, unless both are there.
 * TensorFlow comes out of its Python wheel, since the archives that the package's own install step fetches are old
 * and often refused. It may be killed at any moment and run again, and several processes may call it at once. An
 * addon that the package's own install step put there is used as it is.
 *
 * @throws UserError if pip, a compiler, disk or the network is missing, or nothing is published for this machine.
 */
export async function provisionTensorflow(
  options: ProvisionOptions,
  surroundings: Partial<Surroundings> = {},
): Promise<void> {
  const { build } = options;
  const cache = resolve(options.cache);
  const machine = surroundings.machine ?? thisMachine();
  const around: Surroundings = {
    environment: process.env,
    machine,
    freeBytes,
    addon: addonPath(),
    release: releaseFor(machine, build),
    staleAfter: 15_000,
    ...surroundings,
  };
  if (await isForeign(around.addon)) return;
  const { release } = around;
  if (!release) throw new UserError(unsupported(machine, build));
  const folder = join(cache, `tensorflow-${tensorflowVersion}-${build}`);
  const binary = await binaryPath(folder, machine);
  if (await isLinked(around.addon, binary)) return;
  try {
    const here = { ...options, cache };
    await whileLocked(here, around, () => provision(here, { ...around, release }, folder, binary));
  } catch (error) {
    throw asUserError(error, cache);
  }
}

async function provision(
  options: ProvisionOptions,
  around: Supported,
  folder: string,
  binary: string,
): Promise<void> {
  const { cache, report } = options;
  if (!(await exists(binary))) {
    await sweep(cache);
    const scratch = await mkdtemp(join(cache, staging));
    try {
      await build(options, around, folder, binary, scratch);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  await link(around.addon, binary);
  report(`TensorFlow ${tensorflowVersion} is ready in ${folder}`);
}

async function build(
  options: ProvisionOptions,
  around: Supported,
  folder: string,
  binary: string,
  scratch: string,
): Promise<void> {
  const { environment, machine } = around;
  // Before the long fetch, not after it.
  const compiler = await findCompiler(environment);
  if (!(await exists(folder))) await fetchTensorflow(options, around, folder, scratch);
  await rm(wheelsIn(options.cache), { recursive: true, force: true });
  options.report(`Compiling TensorFlow's addon with ${compiler[0]} …`);
  const fresh = join(scratch, 'addon.node');
  await compileAddon({ compiler, tensorflow: folder, output: fresh, machine, environment });
  await rename(fresh, binary);
}

async function fetchTensorflow(
  { cache, build, report }: ProvisionOptions,
  { environment, machine, release, freeBytes }: Supported,
  folder: string,
  scratch: string,
): Promise<void> {
  const python = await findPython(environment);
  const folders: PipFolders = { wheels: wheelsIn(cache), temporary: join(scratch, 'temporary') };
  for (const path of Object.values(folders)) await mkdir(path, { recursive: true });

  const missing: Wheel[] = [];
  for (const wheel of release.wheels) if (!(await isWhole(wheel, folders))) missing.push(wheel);
  const size = sum(missing.map((wheel) => wheel.bytes));
  await demandDisk(cache, size + release.unpackedBytes, freeBytes);

  const title = `TensorFlow ${tensorflowVersion} for ${build === 'cuda' ? 'CUDA 12' : 'CPU'}`;
  if (missing.length > 0) report(`Fetching ${title} (${inUnits(size)}) …`);
  for (const wheel of missing) {
    if (release.wheels.length > 1) report(`  ${wheel.file} (${inUnits(wheel.bytes)})`);
    await fetchWheel(python, wheel, folders, environment);
  }

  report(`Unpacking ${title} (${inUnits(release.unpackedBytes)}) …`);
  const unpacked = join(scratch, 'unpacked');
  await unpackWheels(python, release.wheels, folders, unpacked, environment);
  const needed = join(scratch, 'needed');
  await moveNeeded(unpacked, needed, machine);
  await rename(needed, folder);
}

/** Whole wheels are kept here until TensorFlow is in place, so that an interrupted fetch goes on where it was. */
function wheelsIn(cache: string): string {
  return join(cache, 'wheels');
}

/** The libraries, the headers that the addon includes, and NVIDIA's libraries: two thirds of TensorFlow's wheel. */
async function moveNeeded(from: string, to: string, machine: string): Promise<void> {
  const headers = ['tensorflow/c', 'tensorflow/core/platform', 'tsl/platform', 'xla/tsl/c'];
  const paths = [
    ...librariesFor(machine).map((file) => join('tensorflow', file)),
    ...headers.map((path) => join('tensorflow', 'include', path)),
    'nvidia',
  ];
  for (const path of paths) {
    if (path === 'nvidia' && !(await exists(join(from, path)))) continue;
    await mkdir(dirname(join(to, path)), { recursive: true });
    await rename(join(from, path), join(to, path));
  }
}

/** Removes what killed attempts left. */
async function sweep(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(staging)) continue;
    // A pip whose parent was killed may still write there; then the next attempt sweeps.
    await rm(join(cache, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

async function demandDisk(
  cache: string,
  needed: number,
  freeBytes: Surroundings['freeBytes'],
): Promise<void> {
  const free = await freeBytes(cache);
  if (free >= needed) return;
  throw new UserError(
    `Setting up TensorFlow takes ${inUnits(needed)} of disk in ${cache}, and ${inUnits(free)} are free: ` +
      'free some space, or name another folder in SHARP_MINIMA_CACHE',
  );
}

async function whileLocked(
  { cache, report }: ProvisionOptions,
  { staleAfter }: Surroundings,
  work: () => Promise<void>,
): Promise<void> {
  await mkdir(cache, { recursive: true });
  let release: (() => Promise<void>) | undefined;
  for (let waiting = false; !release; waiting = true) {
    try {
      release = await lock(cache, {
        lockfilePath: join(cache, 'tensorflow.lock'),
        stale: staleAfter,
        update: staleAfter / 5,
        // Lost when the machine slept. At worst one of two fails: what is put in place comes by one rename.
        onCompromised: () => {},
      });
    } catch (error) {
      if (codeOf(error) !== 'ELOCKED') throw error;
      if (!waiting) report(`Another process is setting up TensorFlow in ${cache}: waiting for it …`);
      await sleep(200);
    }
  }
  try {
    await work();
  } finally {
    await release().catch(() => {});
  }
}

function thisMachine(): string {
  const machine = `${process.platform}-${process.arch}`;
  return process.platform === 'linux' && isMusl() ? `${machine}-musl` : machine;
}

function isMusl(): boolean {
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return report.header.glibcVersionRuntime === undefined;
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function unsupported(machine: string, build: Build): string {
  const what = build === 'cuda' ? ' with CUDA' : '';
  const instead =
    build === 'cuda' && releaseFor(machine, 'cpu')
      ? 'set SHARP_MINIMA_TENSORFLOW=cpu'
      : "run the package's own install step, npm rebuild @tensorflow/tfjs-node-gpu --ignore-scripts=false, whose " +
        'result is used as it is';
  return `There is no TensorFlow ${tensorflowVersion}${what} for this machine (${machine}): ${instead}`;
}

function asUserError(error: unknown, cache: string): unknown {
  const code = codeOf(error);
  if (error instanceof UserError || !code) return error;
  if (['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENOTDIR'].includes(code)) {
    return new UserError(
      `TensorFlow could not be put in place (${messageOf(error)}): free or allow the disk it names; ` +
        `another folder than ${cache} can be named in SHARP_MINIMA_CACHE`,
    );
  }
  return error;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function inUnits(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
