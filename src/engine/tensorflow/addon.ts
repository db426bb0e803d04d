import { createHash, randomUUID } from 'node:crypto';
import { access, lstat, mkdir, readdir, readFile, readlink, rename, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../support/errors';
import { runProgram } from './run-program';

/** The parts of a TensorFlow folder that the addon is compiled from and runs on. */
export function librariesFor(machine: string): string[] {
  const names = ['libtensorflow_cc', 'libtensorflow_framework'];
  return names.map((name) => (machine.startsWith('darwin') ? `${name}.2.dylib` : `${name}.so.2`));
}

/** Where tfjs-node-gpu loads its addon from. */
export function addonPath(): string {
  return join(packageFolder(), 'lib', 'napi-v8', 'tfjs_binding.node');
}

/**
 * Whether an addon lies there that is not ours. Ours is a symbolic link into a TensorFlow folder, so that the link
 * alone says what it was built from.
 */
export async function isForeign(addon: string): Promise<boolean> {
  return lstat(addon).then(
    (stats) => !stats.isSymbolicLink(),
    () => false,
  );
}

/** Whether the addon is a link to this binary, and the binary there. */
export async function isLinked(addon: string, binary: string): Promise<boolean> {
  try {
    await access(binary);
    return (await readlink(addon)) === binary;
  } catch {
    return false;
  }
}

/** Makes the addon a link to this binary, in one step for whoever reads it meanwhile. */
export async function link(addon: string, binary: string): Promise<void> {
  await mkdir(dirname(addon), { recursive: true });
  const fresh = `${addon}.${randomUUID()}`;
  await symlink(binary, fresh);
  await rename(fresh, addon);
}

/**
 * Where the addon for this TensorFlow folder lies. Its name changes with all that it is compiled from, not with where
 * the sources lie, so that checkouts share it.
 */
export async function binaryPath(tensorflow: string, machine: string): Promise<string> {
  const folder = join(packageFolder(), 'binding');
  const hash = createHash('sha256').update(JSON.stringify(flags(tensorflow, machine)));
  for (const file of (await readdir(folder)).sort()) hash.update(await readFile(join(folder, file)));
  return join(tensorflow, `tfjs_binding-${hash.digest('hex').slice(0, 16)}.node`);
}

/**
 * The words that start a C++ compiler: `$CXX`, which may hold arguments, else c++, g++ or clang++.
 *
 * @throws UserError where none of them runs.
 */
export async function findCompiler(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const own = environment.CXX?.trim().split(/\s+/).filter(Boolean) ?? [];
  const candidates = own.length > 0 ? [own] : [['c++'], ['g++'], ['clang++']];
  for (const [command, ...args] of candidates) {
    const { code } = await runProgram(command, [...args, '--version'], environment);
    if (code === 0) return [command, ...args];
  }
  const names = candidates.map((words) => words.join(' ')).join(', ');
  throw new UserError(
    `A C++ compiler is needed to build TensorFlow's addon, and there is none (${names}): ` +
      'install one (Debian: apt install g++; macOS: xcode-select --install), or name it in CXX',
  );
}

/**
 * Compiles tfjs-node-gpu's addon against a TensorFlow folder.
 *
 * @throws UserError with the compiler's first complaint.
 */
export async function compileAddon(job: {
  readonly compiler: readonly string[];
  readonly tensorflow: string;
  readonly output: string;
  readonly machine: string;
  readonly environment: NodeJS.ProcessEnv;
}): Promise<void> {
  const [command, ...args] = job.compiler;
  const all = [...args, ...sources(), ...flags(job.tensorflow, job.machine), '-o', job.output];
  const { code, output } = await runProgram(command, all, job.environment);
  if (code === 0) return;
  const lines = output.trim().split('\n');
  const complaint = lines.find((line) => /error|cannot find|No space/i.test(line)) ?? lines[0];
  throw new UserError(
    `${command} could not compile TensorFlow's addon (C++17 is needed: GCC 8 or Clang 7 and later, or name ` +
      `another compiler in CXX): ${complaint}`,
  );
}

function sources(): string[] {
  const nodeHeaders = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const files = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(packageFolder(), 'binding', file));
  return ['-I', nodeHeaders, ...files];
}

/** To stand behind the sources: some linkers drop a library that nothing before it needs. */
function flags(tensorflow: string, machine: string): string[] {
  const root = join(tensorflow, 'tensorflow');
  return [
    ...['-O2', '-std=c++17', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
    ...['-I', join(root, 'include')],
    ...librariesFor(machine).map((file) => join(root, file)),
    // Not -Wl,-rpath,…: a comma in the path would split it.
    ...['-Xlinker', '-rpath', '-Xlinker', root],
    ...(machine.startsWith('darwin') ? ['-undefined', 'dynamic_lookup'] : []),
  ];
}

function packageFolder(): string {
  return dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
}
