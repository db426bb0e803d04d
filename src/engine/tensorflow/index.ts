import { availableParallelism, cpus } from 'node:os';
import type * as TfNode from '@tensorflow/tfjs-node-gpu';
import type { Engine } from '../engine';
import { tensorflowKernels } from './kernels';
import { prepareProcess, threadsOf } from './prepare-process';
import { provisionTensorflow, tensorflowBuild } from './provision';
import { rawOps } from './raw-ops';

/**
 * The tensorflow engine: tfjs-node-gpu on a current TensorFlow, fetched and compiled at first use.
 *
 * @param cache the folder that TensorFlow is kept in.
 * @param report receives progress lines of the set-up.
 * @throws UserError if TensorFlow cannot be set up here; the message says what is missing.
 */
export async function openTensorflow(cache: string, report: (line: string) => void): Promise<Engine> {
  await provisionTensorflow({ cache, build: tensorflowBuild(process.env), report });
  prepareProcess();
  const tf = require('@tensorflow/tfjs-node-gpu') as typeof TfNode;
  await tf.setBackend('tensorflow');
  const ops = rawOps(tf);
  return {
    info: {
      name: 'tensorflow',
      version: `tfjs-node-gpu ${tf.version['tfjs-node']}, TensorFlow ${ops.version}`,
      device: ops.onGpu ? 'GPU' : `CPU (${cpus()[0]?.model.trim() ?? 'unknown'})`,
      gpu: ops.onGpu,
      threads: threadsOf(process.env) ?? availableParallelism(),
      workers: 1,
    },
    kernels: tensorflowKernels(tf, ops),
  };
}
