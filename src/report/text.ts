import type { Verdict } from '../verdict/claim';

/** A piece of text, and what it is where it is not plain words. */
export type Inline =
  | string
  | { readonly code: string }
  | { readonly verdict: Verdict }
  /** The title of a section, as a link to it. */
  | { readonly section: string };

/** A sentence, a paragraph or the content of a table's cell. */
export type Text = Inline | readonly Inline[];

export function inlinesOf(text: Text): readonly Inline[] {
  return Array.isArray(text) ? (text as readonly Inline[]) : [text as Inline];
}

/** The words alone. */
export function plainText(text: Text): string {
  return inlinesOf(text)
    .map((inline) => {
      if (typeof inline === 'string') return inline;
      if ('code' in inline) return inline.code;
      return 'verdict' in inline ? inline.verdict : inline.section;
    })
    .join('');
}

/** Four significant digits; "n/a" for what is not known or not finite. */
export function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'n/a';
}

/** A share of images as "74.92%". */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(2)}%` : 'n/a';
}

/** "1.43 to 1.79"; a dash where an end is not known, since then there is no interval. */
export function range(
  [low, high]: readonly [number, number],
  write: (value: number) => string = number,
): string {
  return hasInterval([low, high]) ? `${write(low)} to ${write(high)}` : '–';
}

export function hasInterval(interval: readonly [number, number]): boolean {
  return interval.every(Number.isFinite);
}

/** What an estimate is: a ratio, a loss in nats, or a share of the images. */
export type Unit = 'ratio' | 'nats' | 'share';

/** Where an estimate in this unit shows no difference between SB and LB. */
export const NO_DIFFERENCE: Readonly<Record<Unit, number>> = { ratio: 1, nats: 0, share: 0 };

/** An estimate with its unit; a difference of two shares is in percentage points. */
export function inUnit(value: number, unit: Unit): string {
  if (!Number.isFinite(value) || unit === 'ratio') return number(value);
  return unit === 'nats' ? `${number(value)} nats` : `${points(value)} points`;
}

/** An interval with its unit, which stands once. */
export function rangeInUnit(interval: readonly [number, number], unit: Unit): string {
  if (!hasInterval(interval) || unit === 'ratio') return range(interval);
  return unit === 'nats' ? `${range(interval)} nats` : `${range(interval, points)} points`;
}

/** "42", "42 and 43", "42, 43 and 44". */
export function listed(items: readonly (string | number)[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;
}

/** All seeds by name; many as the first and the last, since seeds follow one another. */
export function namedSeeds(seeds: readonly number[]): string {
  return seeds.length > MOST_NAMED ? `${seeds[0]} to ${seeds[seeds.length - 1]}` : listed(seeds);
}

const MOST_NAMED = 6;

/** "1 direction", "5 directions". */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** A probability in words that never say 0 or 1. */
export function probability(value: number): string {
  if (value > 0.99) return 'more than 0.99';
  return value < 0.01 ? 'less than 0.01' : value.toFixed(2);
}

/** A word of a command line, in quotes where it needs them. */
export function commandWord(word: string): string {
  return /^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function points(share: number): string {
  return (100 * share).toFixed(2);
}
