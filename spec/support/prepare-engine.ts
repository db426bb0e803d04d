import { cacheFolder } from '../../src/cache-folder';
import { loadCifar10 } from '../../src/data/cifar10';
import { prepareProcess } from '../../src/engine/tensorflow';
import { provisionTensorflow, tensorflowBuild } from '../../src/engine/tensorflow/provision';

/** Fetches and compiles what the specs need, once for all of them. */
export default async function prepareEngine(): Promise<void> {
  const report = (line: string) => void process.stderr.write(`${line}\n`);
  await provisionTensorflow({ cache: cacheFolder(), build: tensorflowBuild(process.env), report });
  prepareProcess();
  loadCifar10('train', cacheFolder(), report);
  loadCifar10('test', cacheFolder(), report);
}
