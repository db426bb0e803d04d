import type { Compute } from '../src/compute/compute';
import type { Architecture } from '../src/model/architecture';
import type { TrainingConfig, TrainingData } from '../src/training/train';

/** Seconds of each step of a training; the first makes things ready too. */
export async function stepSeconds(
  compute: Compute,
  architecture: Architecture,
  data: TrainingData,
  config: TrainingConfig,
): Promise<number[]> {
  const seconds: number[] = [];
  let last = performance.now();
  const onStep = () => {
    const now = performance.now();
    seconds.push((now - last) / 1000);
    last = now;
  };
  await compute.train(architecture, data, config, 0, { onStep });
  return seconds;
}
