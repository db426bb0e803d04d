import type { Section, Table } from '../section';
import type { Report } from '../report';

/** What makes the report again: the command, every setting, and on what it ran. */
export function makingSections({ command, preset, environment }: Report): Section[] {
  const { changed, ...settings } = preset;
  return [
    {
      title: 'How to run it again',
      level: 2,
      blocks: [{ paragraph: 'This command makes the report again:' }, { code: command }],
    },
    { title: 'Settings', level: 2, blocks: [{ table: settingsTable(settings, changed) }] },
    {
      title: 'Environment',
      level: 2,
      blocks: [
        {
          table: {
            name: 'Environment',
            head: ['what', 'value'],
            rows: Object.entries(environment).map(([name, value]) => [name, written(value)]),
          },
        },
      ],
    },
  ];
}

function settingsTable(settings: Readonly<Record<string, unknown>>, changed: readonly string[]): Table {
  return {
    name: 'Settings',
    head: ['setting', 'value', 'changed'],
    rows: Object.entries(settings).map(([name, value]) => [
      name,
      written(value),
      changed.includes(name) ? 'by a flag' : 'no',
    ]),
  };
}

function written(value: unknown): string {
  if (Array.isArray(value)) return value.length ? value.map(written).join(', ') : 'none';
  if (value === null || value === undefined) return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
