import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const SPEC = join(__dirname, '..');

/** Every property of every spec, in the words of its test, as Markdown. */
function propertiesMarkdown(): string {
  const files = readdirSync(SPEC, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(spec|slow)\.ts$/.test(file))
    .sort();
  const sections = files.map((file) => `## ${file}\n\n${properties(join(SPEC, file)).join('\n')}`);
  return `# Properties\n\nWhat the specs hold to be true (\`*.slow.ts\` by \`npm run test:slow\`).\n\n${sections.join('\n\n')}\n`;
}

function properties(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const lines: string[] = [];
  const visit = (node: ts.Node, context: readonly string[]) => {
    const title = ts.isCallExpression(node) ? titleOf(node, source) : undefined;
    if (title?.kind === 'test') lines.push(`- ${[...context, title.text].join(': ')}`);
    const inner = title?.kind === 'describe' ? [...context, title.text] : context;
    ts.forEachChild(node, (child) => visit(child, inner));
  };
  visit(source, []);
  return lines;
}

function titleOf(call: ts.CallExpression, source: ts.SourceFile): { kind: string; text: string } | undefined {
  const kind = /^(?:\([^?]+ \? )?(test|describe)\b/.exec(call.expression.getText(source))?.[1];
  const [first] = call.arguments;
  if (!kind || !first || !ts.isStringLiteralLike(first)) return undefined;
  return { kind, text: first.text };
}

process.stdout.write(propertiesMarkdown());
