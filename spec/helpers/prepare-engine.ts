import { cacheFolder } from '../../src/support/cache-folder';
import { loadCifar10 } from '../../src/data/cifar10';
import { prepareProcess } from '../../src/engine/tensorflow/prepare-process';
import { provisionTensorflow, tensorflowBuild } from '../../src/engine/tensorflow/provision';
import { messageOf } from '../../src/support/errors';
import { announceAvailability } from './availability';
import { playWebgpu, softwareEnvironment } from './webgpu';

/**
 * Fetches and compiles what the specs need, once for all of them, and finds out which engines they can run on.
 * Loads no tfjs itself: its state would be seen in every sandbox.
 */
export default async function prepareEngine(): Promise<void> {
  const report = (line: string) => void process.stderr.write(`${line}\n`);
  announceAvailability({
    tensorflow: await tensorflowMissing(report),
    wasm: null,
    webgpu: await webgpuMissing(report),
  });
  loadCifar10('train', cacheFolder(), report);
  loadCifar10('test', cacheFolder(), report);
}

async function tensorflowMissing(report: (line: string) => void): Promise<string | null> {
  try {
    await provisionTensorflow({ cache: cacheFolder(), build: tensorflowBuild(process.env), report });
  } catch (error) {
    report(`The specs do without TensorFlow: ${messageOf(error)}`);
    return messageOf(error);
  }
  prepareProcess();
  return null;
}

/**
 * Where there is no GPU, software that a browser has brought takes minutes: it is used only where
 * SHARP_MINIMA_SPECS_SOFTWARE_GPU asks for it, as continuous integration does.
 */
async function webgpuMissing(report: (line: string) => void): Promise<string | null> {
  let reason = '';
  const software = process.env.SHARP_MINIMA_SPECS_SOFTWARE_GPU ? [softwareEnvironment()] : [];
  for (const environment of [{}, ...software]) {
    const { code, lines } = await playWebgpu('work', environment);
    if (code === 0) {
      Object.assign(process.env, environment);
      return null;
    }
    reason = lines.at(-1)!;
  }
  report(`The specs do without webgpu: ${reason}`);
  return reason;
}
