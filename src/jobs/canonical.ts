import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils';

/** A value that JSON can hold. A member that is undefined counts as absent, as in JSON.stringify. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * The canonical text of a JSON value: no spaces, the keys of every object sorted. Two values have the same text if and
 * only if they are equal, whatever order their keys were written in.
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

/** The content id of a JSON value: the SHA-256 of its canonical text, in hexadecimal. */
export function contentId(value: Json): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(value))));
}

/**
 * The value without the members that are at their default, so that a field that is added later, with a default, changes
 * no existing content id.
 */
export function withoutDefaults<T extends object>(value: T, defaults: Partial<T>): T {
  const isDefault = ([key, member]: [string, unknown]) =>
    member === undefined ||
    (key in defaults && canonicalJson(member as Json) === canonicalJson(defaults[key as keyof T] as Json));
  return Object.fromEntries(Object.entries(value).filter((entry) => !isDefault(entry))) as T;
}
