import { sha256 } from '../support/sha256';

/** What JSON can hold. A member that is undefined is none, as JSON.stringify has it. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * The one text of a JSON value: without spaces, every object's keys in order. Two values have the same text if and only
 * if they are equal, whatever order their keys were written in.
 */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value)
    .filter((entry): entry is [string, Json] => entry[1] !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

/** The address of a JSON value: the SHA-256 of its canonical text. */
export function contentId(value: Json): string {
  return sha256(Buffer.from(canonicalJson(value)));
}
