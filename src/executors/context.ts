import type { Compute } from '../compute/compute';
import { dataSource } from './datasets';
import { environmentOf } from './environment';
import { leaseTaker } from './lease';
import { openStore } from './open-store';
import type { JobContext } from './run-job';
import { layeredStore } from './store';
import type { WorkerSetting } from './worker-messages';

/** Everything that jobs are done with, opened from the names that a user gives. */
export function jobContext(
  compute: Compute,
  { cache, store: location, also, data, skipped }: Omit<WorkerSetting, 'engine'>,
  say: (line: string) => void,
): JobContext {
  const own = openStore(location, say);
  return {
    compute,
    store: also === undefined ? own : layeredStore(own, openStore(also, say)),
    leases: leaseTaker(own),
    data: dataSource({ cache, folder: data }, say),
    environment: (dataSha256) => environmentOf(compute.info, skipped, dataSha256),
    now: () => new Date(),
    say,
  };
}
