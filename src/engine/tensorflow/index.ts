import { availableParallelism, cpus } from 'node:os';
import util from 'node:util';
import type * as TfNode from '@tensorflow/tfjs-node-gpu';
import type { Engine } from '../engine';
import { tensorflowKernels } from './kernels';
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
  const ops = rawOps(tf);
  return {
    info: {
      name: 'tensorflow',
      version: `tfjs-node-gpu ${tf.version['tfjs-node']}, TensorFlow ${ops.version}`,
      device: ops.onGpu ? 'GPU' : `CPU (${cpus()[0]?.model.trim() ?? 'unknown'})`,
      threads: availableParallelism(),
    },
    kernels: tensorflowKernels(tf, ops),
  };
}

/**
 * What must be so in a process before TensorFlow is loaded into it. Jest's sandboxes see a copy of the
 * environment, which is why its global set-up calls this too.
 */
export function prepareProcess(): void {
  // TensorFlow's start-up log is of no use to a user: its errors come back as exceptions.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  // An allocator that keeps freed memory: handing 67 MB back to the system after each operation, and having it
  // zeroed again, takes up to a third of a step.
  process.env.TF_CPU_ALLOCATOR_USE_BFC ??= 'true';
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  // Reproducible figures on CUDA.
  process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  process.env.TF_DETERMINISTIC_OPS ??= '1';
  // tfjs-node 4.22 calls functions that Node 22 warns of and Node 23 removed (tfjs issue 8609).
  const old = util as unknown as Record<string, unknown>;
  old.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  old.isArray = Array.isArray;
}
