import { reportJsonSchema } from '../../src/report/report';

/** src/report/report.schema.json as it ought to be. */
export function schemaText(): string {
  return `${JSON.stringify(reportJsonSchema(), null, 2)}\n`;
}

if (require.main === module) process.stdout.write(schemaText());
