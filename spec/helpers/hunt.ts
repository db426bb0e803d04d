import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// `npm run hunt -- [ROUNDS] [PATH …]`: runs the specs that hold properties again and again, each round with a fresh
// seed of fast-check's. It stops at the first failure and prints the seed: add the counterexample to its property as an
// example that is always run.

const SPEC = join(__dirname, '..');
const DEFAULT_ROUNDS = 20;

const [rounds, paths] = parseArguments(process.argv.slice(2));
const files = readdirSync(SPEC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.spec.ts'))
  .map((file) => join(SPEC, file))
  .filter((file) => readFileSync(file, 'utf8').includes("from 'fast-check'"))
  .filter((file) => paths.length === 0 || paths.some((path) => file.includes(path)));

for (let round = 1; round <= rounds; round++) {
  const seed = randomInt(2 ** 31);
  process.stderr.write(`Round ${round} of ${rounds}: ${files.length} files, seed ${seed}\n`);
  const { status } = spawnSync(
    process.execPath,
    [require.resolve('jest/bin/jest'), '--silent', '--runTestsByPath', ...files],
    {
      stdio: 'inherit',
      env: { ...process.env, FAST_CHECK_SEED: String(seed) },
    },
  );
  if (status !== 0) {
    process.stderr.write(`To see it again: FAST_CHECK_SEED=${seed} npx jest FILE\n`);
    process.exit(1);
  }
}

function parseArguments(given: readonly string[]): [number, readonly string[]] {
  const [first, ...rest] = given;
  return /^\d+$/.test(first ?? '') ? [Number(first), rest] : [DEFAULT_ROUNDS, given];
}
