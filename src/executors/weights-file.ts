import { readFileSync } from 'node:fs';
import { tensorSpecs, type Architecture } from '../model/architecture';
import { decodeSafetensors } from '../model/safetensors';
import type { HostTensor, Weights } from '../model/weights';
import { messageOf, UserError } from '../support/errors';

/**
 * Reads the weights of an architecture.
 *
 * @throws UserError if the file cannot be read, is damaged, or belongs to another network.
 */
export function readWeights(file: string, architecture: Architecture): Weights {
  const tensors = readTensors(file);
  const weights = new Map<string, HostTensor>();
  for (const { name, shape } of tensorSpecs(architecture)) {
    const tensor = tensors.get(name);
    if (!tensor) throw new UserError(`${file} is not of ${architecture.name}: it lacks ${name}.`);
    checkShape(file, name, tensor, shape, architecture);
    weights.set(name, tensor);
  }
  const stranger = [...tensors.keys()].find((name) => !weights.has(name));
  if (stranger) throw new UserError(`${file} is not of ${architecture.name}, which has no ${stranger}.`);
  return weights;
}

/**
 * Reads a direction of an architecture's parameters: tensors with the weights' names, of which any may be
 * missing, which means 0.
 *
 * @throws UserError as {@link readWeights} does.
 */
export function readDirection(file: string, architecture: Architecture): Weights {
  const shapes = new Map(tensorSpecs(architecture).map(({ name, shape }) => [name, shape]));
  const tensors = readTensors(file);
  for (const [name, tensor] of tensors) {
    const shape = shapes.get(name);
    if (!shape)
      throw new UserError(`${file} is not a direction of ${architecture.name}, which has no ${name}.`);
    checkShape(file, name, tensor, shape, architecture);
  }
  return tensors;
}

function checkShape(
  file: string,
  name: string,
  tensor: HostTensor,
  shape: readonly number[],
  { name: architecture }: Architecture,
): void {
  if (tensor.shape.join() !== shape.join()) {
    throw new UserError(`${file} is not of ${architecture}: ${name} is [${tensor.shape}], not [${shape}].`);
  }
}

function readTensors(file: string): Map<string, HostTensor> {
  try {
    return decodeSafetensors(readFileSync(file)).tensors;
  } catch (error) {
    throw new UserError(`${file} cannot be used as safetensors: ${messageOf(error)}.`);
  }
}
