import type { Command } from 'commander';
import { describeEngine } from '../engine/describe';
import { threadVariables } from '../engine/tensorflow/prepare-process';
import type * as Server from '../executors/serve';
import { UserError } from '../support/errors';
import type { Progress } from '../support/progress';
import { placeOf } from '../support/redis-url';
import { runOptions, type RunOptions } from './options';
import { untilInterrupted } from './process';
import { checkRunOptions, openServer, openStores, probedEngine, queues } from './run-study';

export function workerOptions(command: Command): Command {
  return runOptions(command)
    .description(
      'do the jobs of a queue as they come, until Ctrl-C or SIGTERM; then those under way go to others',
    )
    .addHelpText(
      'after',
      '\nExample: npx ts-node reproduce.ts worker --queue redis://host --store s3://bucket/sweeps',
    );
}

export async function worker(options: RunOptions, { say }: Progress): Promise<void> {
  const { queue, store, threads } = options;
  if (queue === undefined)
    throw new UserError('worker needs --queue, such as rediss://user:password@host:6379.');
  if (store === undefined) {
    throw new UserError('worker needs --store: a folder that all machines share, or s3://bucket/prefix.');
  }
  checkRunOptions(options);
  await queues().demandRedis(queue);
  await openStores(options, say);
  Object.assign(process.env, threadVariables(threads));
  const { info, skipped } = await probedEngine(options.engine, say);
  for (const line of skipped) say(`Skipped ${line}`);
  const signal = untilInterrupted(say);
  const executor = await openServer(options, info, skipped, signal, say);
  say(
    `Waiting for jobs at ${placeOf(queue)} on ${executor.slots} worker${executor.slots === 1 ? '' : 's'}; ` +
      `${describeEngine({ ...info, workers: 1 })}.`,
  );
  const { serveQueue } = require('../executors/serve') as typeof Server;
  await serveQueue({ url: queue, engine: { name: info.name, version: info.version }, executor, say, signal });
  await executor.close();
  // A connection to a Redis that is gone would keep the process.
  process.exit();
}
