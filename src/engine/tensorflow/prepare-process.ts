import util from 'node:util';

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

/** Environment variables under which TensorFlow uses so many threads; none where the number is not given. */
export function threadVariables(threads: number | undefined): Record<string, string> {
  if (threads === undefined) return {};
  return { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: '1' };
}

/** Threads that an operation of TensorFlow's uses in this process, where its environment says so. */
export function threadsOf(environment: NodeJS.ProcessEnv): number | undefined {
  return Number(environment.TF_NUM_INTRAOP_THREADS) || undefined;
}
