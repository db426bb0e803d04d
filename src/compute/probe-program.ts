import { openEngine } from '../engine';
import { messageOf } from '../support/errors';
import { computeOn } from '.';
import type { ProbeMessage, ProbeTask } from './probe';
import { measureRates } from './rates';
import { tryTraining } from './trial';

// The program of the process that tries an engine: says what came of it, and ends.

async function probe({ name, cache, measure }: ProbeTask): Promise<ProbeMessage> {
  try {
    const engine = await openEngine(name, cache, (line) => void process.send!({ say: line }));
    await tryTraining(engine);
    if (!measure) return { info: engine.info };
    const compute = computeOn(engine, cache);
    try {
      return { info: engine.info, rates: await measureRates(compute) };
    } finally {
      await compute.close();
    }
  } catch (error) {
    return { name, missing: messageOf(error).split('\n')[0] };
  }
}

void probe(JSON.parse(process.argv[2]) as ProbeTask).then((message) =>
  // An engine's threads need not be waited for.
  process.send!(message, () => process.exit()),
);
