import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../../support/errors';
import type { Wheel } from './pins';
import { runProgram, type Outcome } from './run-program';

/** Folders of one provisioning, all on one file system so that pip moves files instead of copying them. */
export interface PipFolders {
  /** Keeps whole wheels from one attempt to the next. */
  readonly wheels: string;
  /** Scratch of this attempt. */
  readonly temporary: string;
}

/**
 * The command that runs Python with pip: `$PYTHON`, else python3 or python.
 *
 * @throws UserError where none of them has pip.
 */
export async function findPython(environment: NodeJS.ProcessEnv): Promise<string> {
  const candidates = environment.PYTHON ? [environment.PYTHON] : ['python3', 'python'];
  for (const python of candidates) {
    // Quicker than asking pip for its version, and a Python 2 is told apart too.
    const { code } = await runProgram(python, ['-c', 'import pip, pathlib'], environment);
    if (code === 0) return python;
  }
  throw new UserError(
    `Python 3 with pip is needed to fetch TensorFlow, and ${candidates.join(' or ')} does not run it: ` +
      'install it (Debian: apt install python3-pip), or name another Python in PYTHON',
  );
}

/** Whether a kept wheel is whole: an interrupted copy has its name already. */
export async function isWhole(wheel: Wheel, folders: PipFolders): Promise<boolean> {
  const path = join(folders.wheels, wheel.file);
  const size = await stat(path).then(
    (stats) => stats.size,
    () => -1,
  );
  if (size !== wheel.bytes) return false;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex') === wheel.sha256;
}

/**
 * Fetches one wheel with the user's own settings of pip, whose mirror or proxy may be the only way out.
 *
 * @throws UserError saying whether the network, the disk or the file itself is at fault.
 */
export async function fetchWheel(
  python: string,
  wheel: Wheel,
  folders: PipFolders,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const outcome = await pip(
    python,
    ['download', ...(await pinnedTo([wheel], folders)), '--dest', folders.wheels],
    // Less what would ask for other files too, or make pip refuse this one.
    without(environment, /^PIP_(CONSTRAINT|REQUIREMENT)$/, {
      PIP_REQUIRE_VIRTUALENV: '0',
      TMPDIR: folders.temporary,
    }),
  );
  if (outcome.code !== 0) throw new UserError(explain(outcome, projectOf(wheel)));
}

/**
 * Unpacks fetched wheels into one folder, as pip lays them out.
 *
 * @throws UserError if a wheel is not the pinned one, or the disk is full.
 */
export async function unpackWheels(
  python: string,
  wheels: readonly Wheel[],
  folders: PipFolders,
  target: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const source = ['--no-index', '--find-links', folders.wheels];
  const outcome = await pip(
    python,
    ['install', ...(await pinnedTo(wheels, folders)), ...source, '--no-compile', '--target', target],
    // Nothing of the user's settings is needed here, and `user = true` or a prefix would get in the way.
    without(environment, /^PIP_/, { PIP_CONFIG_FILE: devNull, TMPDIR: folders.temporary }),
  );
  if (outcome.code !== 0) throw new UserError(explain(outcome, 'TensorFlow'));
}

/** Arguments that let pip take these files and no others, whatever Python it runs on. */
async function pinnedTo(wheels: readonly Wheel[], folders: PipFolders): Promise<string[]> {
  const requirements = join(folders.temporary, 'requirements.txt');
  const lines = wheels.map((wheel) => `${projectOf(wheel)} --hash=sha256:${wheel.sha256}\n`);
  await writeFile(requirements, lines.join(''));
  const tags = new Set(wheels.flatMap(platformTags));
  return [
    ...['--require-hashes', '--no-deps', '--only-binary', ':all:', '--requirement', requirements],
    ...['--implementation', 'cp', '--python-version', '3.12'],
    ...[...tags].flatMap((tag) => ['--platform', tag]),
  ];
}

function pip(python: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Outcome> {
  const show = process.stderr.isTTY === true;
  const quiet = ['--no-cache-dir', '--no-input', '--disable-pip-version-check'];
  const bar = show ? [] : ['--progress-bar', 'off'];
  return runProgram(python, ['-m', 'pip', ...args, ...quiet, ...bar], environment, show);
}

/** The environment less the variables whose names match, plus some others. */
function without(
  environment: NodeJS.ProcessEnv,
  pattern: RegExp,
  others: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !pattern.test(name));
  return { ...Object.fromEntries(kept), ...others };
}

/** "nvidia_nccl_cu12-2.27.7-py3-none-manylinux1_x86_64.whl" is "nvidia-nccl-cu12==2.27.7". */
function projectOf(wheel: Wheel): string {
  const [name, version] = wheel.file.split('-');
  return `${name.replaceAll('_', '-')}==${version}`;
}

function platformTags(wheel: Wheel): string[] {
  return wheel.file
    .replace(/\.whl$/, '')
    .split('-')
    .at(-1)!
    .split('.');
}

function explain({ output }: Outcome, what: string): string {
  if (/DO NOT MATCH THE HASHES/i.test(output)) {
    return `What pip fetched for ${what} is not the file pinned here (its SHA-256 differs): try again, and if it stays so, mistrust the index or mirror that pip uses`;
  }
  if (/No space left on device|Errno 28|Disk quota exceeded/i.test(output)) {
    return `The disk filled up while pip fetched ${what}: free some space, or name another folder in SHARP_MINIMA_CACHE`;
  }
  const last = lastError(output);
  if (/Could not find a version|No matching distribution|Connection|Timeout|timed out|SSL/i.test(output)) {
    return `pip could not fetch ${what}: check the network and pip's index and proxy settings (pip config list), then run again, which resumes (${last})`;
  }
  return `pip failed on ${what}: ${last}`;
}

function lastError(output: string): string {
  const lines = output.trim().split('\n');
  return (lines.filter((line) => line.startsWith('ERROR:')).at(-1) ?? lines.at(-1)!).trim();
}
