import { BATCH_NORM_EPSILON, tensorSpecs, type Architecture, type Layer } from './architecture';
import { sizeOf, tensorNamed, type HostTensor, type Weights } from './weights';

// In evaluation mode batch norm is an affine map of each channel by its running statistics, so the layer before it can
// do its work: w' = w · γ/√(σ² + ε) and b' = (b − μ) · γ/√(σ² + ε) + β for each output channel.

/** The same network without batch norm. */
export function foldedArchitecture({ name, layers }: Architecture): Architecture {
  return {
    name,
    layers: layers.map((layer) => (layer.kind === 'flatten' ? layer : { ...layer, batchNorm: undefined })),
  };
}

/** Weights of the folded architecture that give the same logits as these do in evaluation mode. */
export function foldedWeights(architecture: Architecture, weights: Weights): Weights {
  const folded = new Map<string, HostTensor>();
  for (const { name } of tensorSpecs(foldedArchitecture(architecture))) {
    folded.set(name, tensorNamed(weights, name));
  }
  for (const [layer, batchNorm] of normalizedLayers(architecture)) {
    const weight = tensorNamed(weights, `${layer}.weight`);
    const bias = tensorNamed(weights, `${layer}.bias`);
    const { scale, mean, beta } = channelMap(weights, batchNorm);
    folded.set(
      `${layer}.weight`,
      byChannel(weight, (value, channel) => value * scale[channel]),
    );
    folded.set(
      `${layer}.bias`,
      byChannel(bias, (value, channel) => (value - mean[channel]) * scale[channel] + beta[channel]),
    );
  }
  return folded;
}

/**
 * How the folded weights change as the weights move along a direction, running statistics fixed: the derivative of
 * {@link foldedWeights}, by the product rule w'˙ = ẇ · s + w · ṡ and b'˙ = ḃ · s + (b − μ) · ṡ + β̇, where s = γ/√(σ² + ε).
 *
 * @param direction a tensor for each trainable one.
 */
export function foldedTangent(architecture: Architecture, weights: Weights, direction: Weights): Weights {
  const tangent = new Map<string, HostTensor>();
  for (const { name } of tensorSpecs(foldedArchitecture(architecture))) {
    tangent.set(name, tensorNamed(direction, name));
  }
  for (const [layer, batchNorm] of normalizedLayers(architecture)) {
    const weight = tensorNamed(weights, `${layer}.weight`).data;
    const bias = tensorNamed(weights, `${layer}.bias`).data;
    const { scale, mean } = channelMap(weights, batchNorm);
    const scaleTangent = scaleAlong(weights, direction, batchNorm);
    const betaTangent = tensorNamed(direction, `${batchNorm}.bias`).data;
    tangent.set(
      `${layer}.weight`,
      byChannel(
        tensorNamed(direction, `${layer}.weight`),
        (value, channel, i) => value * scale[channel] + weight[i] * scaleTangent[channel],
      ),
    );
    tangent.set(
      `${layer}.bias`,
      byChannel(
        tensorNamed(direction, `${layer}.bias`),
        (value, channel) =>
          value * scale[channel] +
          (bias[channel] - mean[channel]) * scaleTangent[channel] +
          betaTangent[channel],
      ),
    );
  }
  return tangent;
}

/**
 * The gradient by the network's own parameters, running statistics fixed, from that by the folded ones: the chain rule
 * through {@link foldedWeights}.
 */
export function unfoldedGradient(architecture: Architecture, weights: Weights, folded: Weights): Weights {
  const gradient = new Map(folded);
  for (const [layer, batchNorm] of normalizedLayers(architecture)) {
    const weight = tensorNamed(weights, `${layer}.weight`);
    const bias = tensorNamed(weights, `${layer}.bias`);
    const { scale, mean, deviation } = channelMap(weights, batchNorm);
    const dWeight = tensorNamed(folded, `${layer}.weight`);
    const dBias = tensorNamed(folded, `${layer}.bias`);
    gradient.set(
      `${layer}.weight`,
      byChannel(dWeight, (value, channel) => value * scale[channel]),
    );
    gradient.set(
      `${layer}.bias`,
      byChannel(dBias, (value, channel) => value * scale[channel]),
    );
    gradient.set(`${batchNorm}.bias`, dBias);
    const size = sizeOf(weight.shape) / scale.length;
    gradient.set(
      `${batchNorm}.weight`,
      byChannel(dBias, (value, channel) => {
        let sum = value * (bias.data[channel] - mean[channel]);
        for (let i = channel * size; i < (channel + 1) * size; i++) sum += dWeight.data[i] * weight.data[i];
        return sum / deviation[channel];
      }),
    );
  }
  return gradient;
}

/**
 * How {@link unfoldedGradient} changes as the weights move along a direction and the folded gradient changes with
 * them: its derivative by the product rule.
 *
 * @param direction a tensor for each trainable one.
 * @param folded the gradient by the folded weights.
 * @param foldedChange how that gradient changes along the direction.
 */
export function unfoldedGradientTangent(
  architecture: Architecture,
  weights: Weights,
  direction: Weights,
  folded: Weights,
  foldedChange: Weights,
): Weights {
  // Where the folded gradient changes and the weights stay; then where the weights move and the gradient stays.
  const tangent = new Map(unfoldedGradient(architecture, weights, foldedChange));
  for (const [layer, batchNorm] of normalizedLayers(architecture)) {
    const dWeight = tensorNamed(folded, `${layer}.weight`).data;
    const dBias = tensorNamed(folded, `${layer}.bias`).data;
    const weightTangent = tensorNamed(direction, `${layer}.weight`).data;
    const biasTangent = tensorNamed(direction, `${layer}.bias`).data;
    const { deviation } = channelMap(weights, batchNorm);
    const scaleTangent = scaleAlong(weights, direction, batchNorm);
    const add = (name: string, term: (channel: number, i: number) => number) => {
      const before = tensorNamed(tangent, name);
      tangent.set(
        name,
        byChannel(before, (value, channel, i) => value + term(channel, i)),
      );
    };
    add(`${layer}.weight`, (channel, i) => dWeight[i] * scaleTangent[channel]);
    add(`${layer}.bias`, (channel) => dBias[channel] * scaleTangent[channel]);
    const size = dWeight.length / deviation.length;
    add(`${batchNorm}.weight`, (channel) => {
      let sum = dBias[channel] * biasTangent[channel];
      for (let i = channel * size; i < (channel + 1) * size; i++) sum += dWeight[i] * weightTangent[i];
      return sum / deviation[channel];
    });
  }
  return tangent;
}

/** Names of the layers that batch norm follows, each with its batch norm's. */
function normalizedLayers({ layers }: Architecture): [string, string][] {
  return layers.flatMap((layer): [string, string][] => {
    if (layer.kind === 'flatten' || !layer.batchNorm) return [];
    return [[nameOf(layer), layer.batchNorm]];
  });
}

function nameOf(layer: Exclude<Layer, { kind: 'flatten' }>): string {
  return layer.kind === 'convBlock' ? layer.conv : layer.name;
}

/** x ↦ (x − mean) · scale + beta for each channel, with scale = γ / deviation. */
function channelMap(weights: Weights, batchNorm: string) {
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
    (name) => tensorNamed(weights, `${batchNorm}.${name}`).data,
  );
  const deviation = Float64Array.from(variance, (value) => Math.sqrt(value + BATCH_NORM_EPSILON));
  const scale = deviation.map((value, channel) => gamma[channel] / value);
  return { scale, deviation, mean, beta };
}

/** How the scale of {@link channelMap} changes as γ moves along a direction. */
function scaleAlong(weights: Weights, direction: Weights, batchNorm: string): Float64Array {
  const gammaTangent = tensorNamed(direction, `${batchNorm}.weight`).data;
  return channelMap(weights, batchNorm).deviation.map((value, channel) => gammaTangent[channel] / value);
}

/** A tensor changed value by value, by the channel (first axis) that each is of. */
function byChannel(
  { shape, data }: HostTensor,
  change: (value: number, channel: number, index: number) => number,
): HostTensor {
  const size = sizeOf(shape) / shape[0];
  const changed = new Float32Array(data.length);
  for (let channel = 0; channel < shape[0]; channel++) {
    for (let i = channel * size; i < (channel + 1) * size; i++) changed[i] = change(data[i], channel, i);
  }
  return { shape, data: changed };
}
