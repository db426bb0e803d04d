import { folderStore } from '../../src/executors/folder-store';
import { isHolder, leaseTaker } from '../../src/executors/lease';

// A process that takes leases in a folder when it is told to: it is sent the prefix of a lease, and answers with the pid
// of the process that has it then.

const leases = leaseTaker(folderStore(process.argv[2]));

process.on('disconnect', () => process.exit());
process.on('message', (prefix: string) => {
  void leases.take(prefix).then((taken) => process.send!(isHolder(taken) ? taken.pid : process.pid));
});
process.send!('ready');
