import type { PoolWindow } from '../engine/engine';
import type { Architecture, Layer } from './architecture';

// Networks by name. Their parameters are named as in PyTorch, where each would be a Sequential of features and one of
// a classifier.

/**
 * SimpleVGG's layers with widths of one's own: three convolution blocks on 32x32 pixels of three channels, then two
 * linear layers to ten classes.
 *
 * @param widths channels of the three convolutions.
 * @param hidden neurons of the first linear layer.
 * @param dropout probability of dropping one of them.
 */
export function simpleVgg(
  name: string,
  widths: readonly [number, number, number],
  hidden: number,
  dropout = 0,
): Architecture {
  const [first, second, third] = widths;
  const side = 4;
  const block = { kind: 'convBlock', kernel: 3, pool: 2 } as const;
  return {
    name,
    layers: [
      { ...block, conv: 'features.0', batchNorm: 'features.1', inputs: 3, outputs: first },
      { ...block, conv: 'features.4', batchNorm: 'features.5', inputs: first, outputs: second },
      { ...block, conv: 'features.8', batchNorm: 'features.9', inputs: second, outputs: third },
      { kind: 'flatten', channels: third, side },
      {
        kind: 'linear',
        name: 'classifier.0',
        inputs: third * side * side,
        outputs: hidden,
        relu: true,
        dropout,
      },
      { kind: 'linear', name: 'classifier.3', inputs: hidden, outputs: 10, relu: false },
    ],
  };
}

/** SimpleVGG for CIFAR-10: 3 → 64 → 128 → 256 channels, then 4096 → 512 → 10; 2,474,506 trainable parameters. */
export function simpleVggWith(dropout: number): Architecture {
  return simpleVgg('SimpleVGG', [64, 128, 256], 512, dropout);
}

/** The same without dropout, which in evaluation makes no difference. */
export const SIMPLE_VGG = simpleVggWith(0);

/** The networks of Keskar et al. 2017 (Table 1) whose data is public: F1 for MNIST, C1 and C2 for CIFAR-10, C3 and C4 for CIFAR-100. */
export const PAPER_NETWORKS = ['F1', 'C1', 'C2', 'C3', 'C4'] as const;
export type PaperNetwork = (typeof PAPER_NETWORKS)[number];

/** A network of the paper (Appendix B), with the dropout that the authors' code gives it. */
export function paperNetwork(name: PaperNetwork): Architecture {
  switch (name) {
    case 'F1':
      return fullyConnected(name, 784, [512, 512, 512, 512, 512], 10);
    case 'C1':
      return shallow(name, { width: 64, hidden: [384, 192], classes: 10 });
    case 'C2':
      return deep(name, { widths: [64, 128, 256, 512, 512], hidden: 512, classes: 10 });
    case 'C3':
      return shallow(name, { width: 64, hidden: [384, 192], classes: 100 });
    case 'C4':
      return deep(name, { widths: [64, 128, 256, 512, 512], hidden: 512, classes: 100 });
  }
}

/**
 * Linear layers with batch norm and ReLU between them, on flattened pixels.
 *
 * @param pixels of an image of one channel.
 */
function fullyConnected(
  name: string,
  pixels: number,
  hidden: readonly number[],
  classes: number,
): Architecture {
  const sizes = [pixels, ...hidden];
  const layers = hidden.map((outputs, index): Layer => ({
    kind: 'linear',
    name: `classifier.${3 * index}`,
    batchNorm: `classifier.${3 * index + 1}`,
    inputs: sizes[index],
    outputs,
    relu: true,
  }));
  return {
    name,
    layers: [
      { kind: 'flatten', channels: 1, side: Math.sqrt(pixels) },
      ...layers,
      {
        kind: 'linear',
        name: `classifier.${3 * hidden.length}`,
        inputs: sizes.at(-1)!,
        outputs: classes,
        relu: false,
      },
    ],
  };
}

/** C1's layers with widths of one's own: two convolutions 5x5 with overlapping pooling, then three linear layers. */
export function shallow(
  name: string,
  {
    width,
    hidden: [first, second],
    classes,
  }: { readonly width: number; readonly hidden: readonly [number, number]; readonly classes: number },
): Architecture {
  const block = { kind: 'convBlock', kernel: 5, pool: 3 } as const;
  const side = 8;
  return {
    name,
    layers: [
      { ...block, conv: 'features.0', batchNorm: 'features.1', inputs: 3, outputs: width },
      { ...block, conv: 'features.4', batchNorm: 'features.5', inputs: width, outputs: width },
      { kind: 'flatten', channels: width, side },
      {
        kind: 'linear',
        name: 'classifier.0',
        batchNorm: 'classifier.1',
        inputs: width * side * side,
        outputs: first,
        relu: true,
        dropout: 0.5,
      },
      {
        kind: 'linear',
        name: 'classifier.4',
        batchNorm: 'classifier.5',
        inputs: first,
        outputs: second,
        relu: true,
        dropout: 0.5,
      },
      { kind: 'linear', name: 'classifier.8', inputs: second, outputs: classes, relu: false },
    ],
  };
}

/**
 * C2's layers with widths of one's own: stages of two, two, three, three and three convolutions 3x3, each but its
 * stage's last followed by dropout, and two linear layers.
 */
function deep(
  name: string,
  {
    widths,
    hidden,
    classes,
  }: { readonly widths: readonly number[]; readonly hidden: number; readonly classes: number },
): Architecture {
  const layers: Layer[] = [];
  let inputs = 3;
  let index = 0;
  widths.forEach((outputs, stage) => {
    const depth = stage < 2 ? 2 : 3;
    for (let place = 1; place <= depth; place++) {
      const last = place === depth;
      layers.push({
        kind: 'convBlock',
        conv: `features.${index}`,
        batchNorm: `features.${index + 1}`,
        inputs,
        outputs,
        kernel: 3,
        ...(last ? { pool: 2 as PoolWindow } : { dropout: stage === 0 ? 0.3 : 0.4 }),
      });
      inputs = outputs;
      // Convolution, batch norm, ReLU, and dropout or pooling.
      index += 4;
    }
  });
  const side = 32 / 2 ** widths.length;
  return {
    name,
    layers: [
      ...layers,
      { kind: 'flatten', channels: inputs, side, dropout: 0.5 },
      {
        kind: 'linear',
        name: 'classifier.1',
        batchNorm: 'classifier.2',
        inputs: inputs * side * side,
        outputs: hidden,
        relu: true,
        dropout: 0.5,
      },
      { kind: 'linear', name: 'classifier.5', inputs: hidden, outputs: classes, relu: false },
    ],
  };
}

/** What a network without a name of its own is called. */
const UNNAMED = 'custom network';

/** The name of the network that has these layers, whatever its dropout; "custom network" where it is none of these. */
export function networkName(layers: readonly Layer[]): string {
  const shape = shapeOf(layers);
  const known = [SIMPLE_VGG, ...PAPER_NETWORKS.map(paperNetwork)];
  return known.find((one) => shapeOf(one.layers) === shape)?.name ?? UNNAMED;
}

function shapeOf(layers: readonly Layer[]): string {
  return JSON.stringify(
    layers.map((layer) =>
      Object.entries({ ...layer, dropout: undefined })
        .filter(([, value]) => value !== undefined)
        .sort(),
    ),
  );
}
