import type { Verdict } from '../verdict/claim';
import type { Text } from './text';

/** What can be drawn; a rendering that cannot draw one leaves it out, since tables hold the same figures. */
export type FigureId = 'claims' | 'seeds' | 'curves' | 'ratios' | 'near' | 'histories';
/** A figure of the paper, by its network. */
export type PaperFigureId = `${string}-figure${number}`;
/** The figure of a sweep's network and protocol. */
export type SweepFigureId = `sweep-${string}`;
export type AnyFigureId = FigureId | PaperFigureId | SweepFigureId;

export interface Table {
  readonly name: string;
  /** Whether it only holds the figures that a chart above it draws. */
  readonly detail?: boolean;
  readonly head: readonly string[];
  /** One text for each column. */
  readonly rows: readonly (readonly Text[])[];
}

export type Block =
  | { readonly paragraph: Text }
  | { readonly list: readonly Text[] }
  | { readonly table: Table }
  | { readonly code: string }
  | { readonly figure: AnyFigureId; readonly caption: string };

export interface Section {
  readonly title: string;
  /** 3 for a section that belongs to the one before it. */
  readonly level: 2 | 3;
  readonly blocks: readonly Block[];
}

/** What there is to say, in order, without a word on how it looks. */
export interface PageDocument {
  readonly title: string;
  /** Of all that is on the page. */
  readonly verdict?: Verdict;
  readonly lead: readonly Text[];
  readonly sections: readonly Section[];
}

/** What a report says. Its title is the question that the verdict answers; its lead begins with the reason. */
export interface ReportDocument extends PageDocument {
  readonly verdict: Verdict;
}

/** The part of an address that leads to a section: its title as GitHub writes it in a link. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
}
