import { sha256 } from '@noble/hashes/sha2';
import { utf8ToBytes } from '@noble/hashes/utils';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { uniformInt } from 'pure-rand/distribution/uniformInt';

/** A stream of random numbers. Drawing from it changes its state, so it is never shared between two uses. */
export interface RandomStream {
  /** A uniform double in [0, 1), with 53 random bits. */
  uniform(): number;
  /** A standard normal double. */
  normal(): number;
  /** An unbiased whole number in [from, to]. */
  integer(from: number, to: number): number;
  /** 32 random bits, as a signed integer. */
  bits(): number;
}

/**
 * The stream that belongs to a seed and a purpose ("weights", "order", epoch 3, …): xoroshiro128+ started at
 * a hash of both. Streams of different purposes are independent, and any of them can be made again without
 * having drawn the others, which is why no generator state needs to be stored with a checkpoint.
 *
 * The engine plays no part, so a seed gives the same numbers on every engine.
 */
export function randomStream(seed: number, ...purpose: readonly (string | number)[]): RandomStream {
  const digest = new DataView(sha256(utf8ToBytes(JSON.stringify([seed, ...purpose]))).buffer);
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((at) => digest.getInt32(at, true)));

  const uniform = () => {
    const high = generator.next() >>> 5;
    const low = generator.next() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  };

  let spare: number | undefined;
  const normal = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    // Marsaglia's polar method makes two at a time.
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        spare = v * factor;
        return u * factor;
      }
    }
  };

  return {
    uniform,
    normal,
    integer: (from, to) => uniformInt(generator, from, to),
    bits: () => generator.next(),
  };
}

/** A uniformly random order of 0 … count − 1 (Fisher–Yates). */
export function permutation(count: number, random: RandomStream): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
