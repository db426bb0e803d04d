import { isTrainable, tensorSpecs, type Architecture } from '../model/architecture';
import { tensorNamed, type Weights } from '../model/weights';

/** Euclidean distance of two networks over all trainable parameters; running statistics do not count. */
export function distanceBetween(architecture: Architecture, one: Weights, other: Weights): number {
  let squares = 0;
  for (const { name } of tensorSpecs(architecture).filter(isTrainable)) {
    const [ours, theirs] = [tensorNamed(one, name).data, tensorNamed(other, name).data];
    for (let i = 0; i < ours.length; i++) squares += (ours[i] - theirs[i]) ** 2;
  }
  return Math.sqrt(squares);
}
