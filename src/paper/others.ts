import { firstImages, type Dataset, type Split } from '../data/dataset';
import { findMinimizer } from '../experiment/minimizers';
import { initialWeights, type Architecture } from '../model/architecture';
import type { PaperNetwork } from '../model/networks';
import type { Weights } from '../model/weights';
import { randomStream } from '../support/random';
import { measureGradientNoise } from '../sharpness/gradient-noise';
import { hessianOperator, hessianTrace, topEigenvalue } from '../sharpness/hessian';
import { ascentSharpness } from '../sharpness/sam';
import { REGIMES, type Regime } from '../training/regime';
import type { PaperContext } from './context';
import { PHASES, type OtherMeasures } from './folder';
import { sharpnessImagesOf } from './settings';
import { paperTraining, trainingName } from './trainings';

// What came after the paper, measured at both minimizers of a network's first trial: other measures of sharpness, and
// the noise of the gradients that trained them, which the paper holds to be the cause.

/** Samples of the trace. */
const TRACE_SAMPLES = 20;
/** Minibatches at most: LB's share of the data leaves no more. */
const MINIBATCHES = 10;

/** Measures both minimizers of a network's first trial, as far as the folder lacks it. */
export async function measureOthers(
  context: PaperContext,
  network: PaperNetwork,
  data: Readonly<Record<Split, Dataset>>,
  minimizers: Readonly<Record<Regime, Weights>>,
): Promise<void> {
  const { settings, folder } = context;
  for (const regime of REGIMES) {
    const stored = folder.others(trainingName(network, regime, settings.seed));
    if (!stored.read()) stored.write(await measure(context, network, data, regime, minimizers[regime]));
  }
}

async function measure(
  context: PaperContext,
  network: PaperNetwork,
  data: Readonly<Record<Split, Dataset>>,
  regime: Regime,
  weights: Weights,
): Promise<OtherMeasures> {
  const { compute, architectureOf, settings, progress, signal } = context;
  const architecture = architectureOf(network);
  const images = firstImages(data.train, sharpnessImagesOf(settings, network));
  const middle = await middleOf(context, network, architecture, data, regime);
  const label = `${network} ${regime} of seed ${settings.seed}, other measures`;
  const stretch = progress.begin(label, USUAL_PASSES * images.count);
  const options = { batchSize: IMAGES_A_PASS, onImages: stretch.advance, signal };
  const ascent = async (adaptive: boolean) => {
    const { rise, standardError } = await ascentSharpness(compute, architecture, weights, images, {
      adaptive,
      ...options,
    });
    return { value: rise, standardError };
  };
  const random = (purpose: string) => randomStream(settings.seed, purpose, network);
  const hessian = hessianOperator(compute, architecture, weights, images, options);
  const [sam, adaptiveSam] = [await ascent(false), await ascent(true)];
  const { largest: topValue } = await topEigenvalue(hessian, random('lanczos'));
  const { trace, standardError } = await hessianTrace(hessian, random('trace'), TRACE_SAMPLES);

  const { batchSize } = paperTraining(settings, network, regime, settings.seed).config;
  const noise: OtherMeasures['noise'][number][] = [];
  const phases = {
    start: initialWeights(architecture, randomStream(settings.seed, 'weights')),
    middle,
    end: weights,
  };
  // Fewer than three minibatches have no error.
  const batches = Math.min(MINIBATCHES, Math.floor(data.train.count / batchSize));
  for (const phase of PHASES) {
    const noiseOf = (at: Weights) =>
      measureGradientNoise(compute, architecture, at, data.train, random('noise'), {
        statistics: 'batch',
        batchSize,
        batches,
        onImages: stretch.advance,
        signal,
      });
    const unknown = { value: NaN, standardError: NaN };
    const signalToNoise = batches < 3 ? unknown : (await noiseOf(phases[phase])).signalToNoise;
    noise.push({ phase, signalToNoise });
  }
  stretch.end();
  return { sam, adaptiveSam, topEigenvalue: topValue, trace: { value: trace, standardError }, noise };
}

/**
 * The weights halfway: the learning rate being constant, a training of half the epochs is the first half of the whole
 * one, to the last bit.
 */
async function middleOf(
  context: PaperContext,
  network: PaperNetwork,
  architecture: Architecture,
  data: Readonly<Record<Split, Dataset>>,
  regime: Regime,
): Promise<Weights> {
  const whole = paperTraining(context.settings, network, regime, context.settings.seed);
  const run = context.folder.run(whole.name).read();
  const epochs = run && 'history' in run ? Math.ceil(run.history.length / 2) : 1;
  const half = {
    ...whole,
    name: `${whole.name}-half`,
    label: `${whole.label}, the first half,`,
    config: { ...whole.config, epochs, stopping: undefined },
  };
  return findMinimizer({ ...context, architecture, data }, half);
}

/** Images a pass; it changes no more than the rounding. */
const IMAGES_A_PASS = 250;
/** Of the images that sharpness is measured on; the progress display counts by them. */
const USUAL_PASSES = 56;
