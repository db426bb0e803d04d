import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../src/support/errors';
import type { Release } from '../../src/engine/tensorflow/pins';
import {
  provisionTensorflow,
  tensorflowBuild,
  type ProvisionOptions,
  type Surroundings,
} from '../../src/engine/tensorflow/provision';

/** Without it nothing is fetched, and there is nothing to see. */
const pip = isTherePip();

/** Real pip on wheels of a few bytes; a compiler that writes what it is told to, or complains. */
let root: string;
let cache: string;
let addon: string;
let lines: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'provision, spec '));
  cache = join(root, 'the cache');
  addon = join(root, 'package', 'tfjs_binding.node');
  lines = [];
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the build of TensorFlow', () => {
  test('is what SHARP_MINIMA_TENSORFLOW says', () => {
    expect(tensorflowBuild({ SHARP_MINIMA_TENSORFLOW: 'cpu' })).toBe('cpu');
    expect(tensorflowBuild({ SHARP_MINIMA_TENSORFLOW: 'cuda' })).toBe('cuda');
  });

  test('is refused where that is neither cpu nor cuda', () => {
    const bad = () => tensorflowBuild({ SHARP_MINIMA_TENSORFLOW: 'gpu' });
    expect(bad).toThrow(UserError);
    expect(bad).toThrow(/must be cpu or cuda, not "gpu"/);
  });

  test('is the one for the CPU on machines that CUDA is not published for, whatever their driver', () => {
    expect(tensorflowBuild({}, 'linux-arm64')).toBe('cpu');
  });
});

describe('what is missing is named in one line', () => {
  test('pip', () => refuses({ PYTHON: script('exit 1') }, {}, /Python 3 with pip is needed .* PYTHON/));

  test('a compiler', () => refuses({ CXX: '', PATH: root }, {}, /C\+\+ compiler is needed .* CXX/));

  test('disk', () =>
    refuses(
      { PYTHON: script('exit 0') },
      { freeBytes: async () => 3e8 },
      /takes 1\.6 GB of disk in .*, and 300 MB are free: .*SHARP_MINIMA_CACHE/,
    ));

  test('a TensorFlow for this machine, with what to do instead', async () => {
    await refuses(
      {},
      { machine: 'win32-x64' },
      /npm rebuild @tensorflow\/tfjs-node-gpu --ignore-scripts=false/,
    );
    await refuses({}, { machine: 'linux-arm64', build: 'cuda' }, /set SHARP_MINIMA_TENSORFLOW=cpu/);
  });

  test('a folder that can be written', async () => {
    writeFileSync(cache, 'a file');
    await refuses({}, {}, /could not be put in place .*SHARP_MINIMA_CACHE/);
  });

  test('what the compiler stumbled over', async () => {
    unpackBeforehand();
    const stumbles = script('case $* in *--version) ;; *) echo "a.cc:1: error: no luck" >&2; exit 1 ;; esac');
    await refuses({ CXX: stumbles }, {}, /C\+\+17 is needed.*a\.cc:1: error: no luck/);
  });
});

(pip ? test : test.skip)(
  'a wheel that is not the pinned one is refused, with a message of its own',
  async () => {
    const { release, index } = wheel();
    const other = { ...release, wheels: [{ ...release.wheels[0], sha256: '0'.repeat(64) }] };
    await refuses({ PIP_FIND_LINKS: index, PIP_NO_INDEX: '1' }, { release: other }, /SHA-256 differs/);
  },
);

(pip ? test : test.skip)(
  'TensorFlow is put in place against all settings of pip, and found by the next call without a program',
  async () => {
    const { release, index } = wheel();
    const settings = join(root, 'pip.conf');
    writeFileSync(
      settings,
      '[global]\nrequire-virtualenv = true\n[install]\nuser = true\nprefix = /nowhere\n',
    );
    const environment = {
      ...{ PIP_FIND_LINKS: index, PIP_NO_INDEX: '1', PIP_CONFIG_FILE: settings },
      ...{
        PIP_USER: '1',
        PIP_TARGET: join(root, 'elsewhere'),
        PIP_NO_BINARY: ':all:',
        PIP_CONSTRAINT: '/nowhere',
      },
    };
    await provision(environment, { release });
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      'Fetching',
      'Unpacking',
      'Compiling',
      'TensorFlow',
    ]);
    expect(readFileSync(addon, 'utf8')).toBe('addon\n');
    const placed = (path: string) => existsSync(join(cache, 'tensorflow-2.21.0-cpu', 'tensorflow', path));
    expect(placed('libtensorflow_cc.so.2')).toBe(true);
    expect(placed('include/tensorflow/c/c_api.h')).toBe(true);
    expect(placed('python')).toBe(false);
    expect(existsSync(join(cache, 'wheels', release.wheels[0].file))).toBe(false);

    lines = [];
    await provision({ PATH: root, CXX: 'none', PYTHON: 'none' }, { release });
    expect(lines).toEqual([]);
  },
);

(pip ? test : test.skip)('a wheel that was fetched before is used, and half a one is not', async () => {
  const { release, path } = wheel();
  const { file } = release.wheels[0];
  const whole = readFileSync(path);
  mkdirSync(join(cache, 'wheels'), { recursive: true });
  const kept = join(cache, 'wheels', file);
  const offline = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: '/nowhere' };

  writeFileSync(kept, whole.subarray(0, whole.length / 2));
  await refuses(offline, { release }, /check the network/);
  writeFileSync(kept, whole);
  await provision(offline, { release });
  expect(readFileSync(addon, 'utf8')).toBe('addon\n');
});

test('of two at once, one waits and finds it done', async () => {
  unpackBeforehand();
  const calls = join(root, 'calls');
  const slow = { CXX: compiler(`echo >> '${calls}'; sleep 0.5`) };
  await Promise.all([provision(slow), provision(slow)]);
  expect(readFileSync(calls, 'utf8')).toBe('\n');
  expect(lines.filter((line) => line.includes('waiting'))).toHaveLength(1);
  expect(existsSync(addon)).toBe(true);
});

test('the lock of a process that died does not hold up the next', async () => {
  unpackBeforehand();
  const stale = join(cache, 'tensorflow.lock');
  mkdirSync(stale);
  const before = new Date(Date.now() - 60_000);
  utimesSync(stale, before, before);
  await provision();
  expect(lines.some((line) => line.includes('waiting'))).toBe(false);
  expect(existsSync(addon)).toBe(true);
});

test('the addon follows the build, compiled once for each', async () => {
  unpackBeforehand('cpu');
  unpackBeforehand('cuda');
  const none = { CXX: 'none' };
  await provision({ CXX: compiler('', 'for cpu') });
  await provision({ CXX: compiler('', 'for cuda') }, { build: 'cuda' });
  expect(readFileSync(addon, 'utf8')).toBe('for cuda\n');
  await provision(none);
  expect(readFileSync(addon, 'utf8')).toBe('for cpu\n');
  rmSync(cache, { recursive: true });
  unpackBeforehand('cpu');
  await expect(provision(none)).rejects.toThrow(/compiler is needed/);
});

test("the package's own addon is left alone, also where nothing is published", async () => {
  mkdirSync(dirname(addon));
  writeFileSync(addon, 'built by hand');
  await provision({}, { machine: 'win32-x64' });
  expect(readFileSync(addon, 'utf8')).toBe('built by hand');
});

type Changes = Partial<Surroundings & Pick<ProvisionOptions, 'build'>>;

function provision(
  environment: NodeJS.ProcessEnv = {},
  { build = 'cpu', ...changes }: Changes = {},
): Promise<void> {
  return provisionTensorflow(
    { cache, build, report: (line) => lines.push(line) },
    {
      machine: 'linux-x64',
      addon,
      environment: { ...process.env, CXX: compiler(''), ...environment },
      ...changes,
    },
  );
}

async function refuses(environment: NodeJS.ProcessEnv, changes: Changes, message: RegExp): Promise<void> {
  const refusal = await provision(environment, changes).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(UserError);
  expect((refusal as UserError).message).toMatch(message);
  expect((refusal as UserError).message).not.toContain('\n');
  expect(existsSync(addon)).toBe(false);
}

/** TensorFlow as an earlier call unpacked it, which the stand-in compiler does not look into. */
function unpackBeforehand(build = 'cpu'): void {
  mkdirSync(join(cache, `tensorflow-2.21.0-${build}`), { recursive: true });
}

/** A program; without spaces in its path, since CXX may hold arguments. */
function script(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'provision-spec-'));
  scripts.push(folder);
  const path = join(folder, 'program');
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

const scripts: string[] = [];
afterEach(() => scripts.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function compiler(first: string, text = 'addon'): string {
  return script(
    `case $* in *--version) exit ;; esac; ${first}\nfor last; do :; done; echo '${text}' > "$last"`,
  );
}

function isTherePip(): boolean {
  try {
    execFileSync(process.env.PYTHON || 'python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A wheel of the same paths as TensorFlow's, and the folder it lies in as pip's settings name it. */
function wheel(): { release: Release; path: string; index: string } {
  const file = 'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl';
  const path = join(root, file);
  execFileSync(process.env.PYTHON || 'python3', ['-c', wheelWriter, path]);
  const bytes = readFileSync(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const release = { unpackedBytes: 1000, wheels: [{ file, bytes: bytes.length, sha256 }] };
  return { release, path, index: pathToFileURL(root).href };
}

const wheelWriter = `
import sys, zipfile
about = 'tensorflow_cpu-2.21.0.dist-info/'
headers = ['tensorflow/c/c_api.h', 'tensorflow/core/platform/ctstring.h', 'tsl/platform/ctstring.h', 'xla/tsl/c/tsl_status.h']
libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']
with zipfile.ZipFile(sys.argv[1], 'w') as file:
    for name in ['python/unneeded.py', *libraries, *('include/' + header for header in headers)]:
        file.writestr('tensorflow/' + name, name)
    file.writestr(about + 'METADATA', 'Metadata-Version: 2.1\\nName: tensorflow-cpu\\nVersion: 2.21.0\\n')
    file.writestr(about + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: cp312-cp312-manylinux_2_27_x86_64\\n')
    file.writestr(about + 'RECORD', '')
`;
