import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { z } from 'zod';
import { UserError } from '../../support/errors';

type Path = readonly PropertyKey[];

/**
 * Reads a YAML text by a schema.
 *
 * @param name of the file, for messages.
 * @throws UserError such as "SWEEP.yaml:12: batchSizes[2]: it must be …", naming the line of the first thing that is
 *   wrong.
 */
export function parseYaml<T>(text: string, name: string, schema: z.ZodType<T>): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const fault = [...document.errors, ...document.warnings].at(0);
  if (fault) throw new UserError(`${name}:${lineAt(fault.pos[0])}: ${fault.message}.`);
  const parsed = schema.safeParse(valueOf(document, name));
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  // A key that is not known may well be the one that is missing.
  const unknownKeys = issues.filter(({ code }) => code === 'unrecognized_keys');
  const located = (unknownKeys.length > 0 ? unknownKeys : issues).map(({ path, message, ...issue }) => {
    const unknown = issue.code === 'unrecognized_keys' ? [...path, issue.keys[0]] : path;
    return { line: lineAt(offsetOf(document, unknown)), path: pathText(path), message };
  });
  const first = located.reduce((one, other) => (other.line < one.line ? other : one));
  throw new UserError(`${name}:${first.line}: ${first.path ? `${first.path}: ` : ''}${first.message}.`);
}

function valueOf(document: Document, name: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that would unfold to something huge.
    throw new UserError(`${name}: ${(error as Error).message}.`);
  }
}

/** Where the deepest node on a path begins that there is; for a member of a map, its key. */
function offsetOf(document: Document, path: Path): number {
  let offset = document.contents?.range?.[0] ?? 0;
  let node: unknown = document.contents;
  for (const step of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && key.value === step) : undefined;
    if (pair && isPair(pair)) {
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else {
      node = (node as { get?(key: unknown, keepScalar: true): unknown }).get?.(step, true);
      if (!isNode(node)) return offset;
      offset = node.range?.[0] ?? offset;
    }
  }
  return offset;
}

/** ["batchSizes", 2] as "batchSizes[2]". */
function pathText(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text && '.'}${String(step)}`),
    '',
  );
}
