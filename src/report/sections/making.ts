import type { Block, Section, Table } from '../section';
import type { Report } from '../report';

/** What makes the report again: the command, every setting, and on what it ran. */
export function makingSections(report: Report): Section[] {
  const { preset, environment } = report;
  const { changed, ...settings } = preset;
  return [
    { title: 'How to run it again', level: 2, blocks: again(report) },
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

/** Every command that it took, the control's after the experiment's own. */
function again({ command, control, controlCommand }: Report): Block[] {
  const commands = [command, ...(control && controlCommand ? [controlCommand] : [])];
  const words =
    commands.length === 1
      ? 'This command makes the report again'
      : 'These commands make the report again, one after the other';
  return [
    {
      paragraph: `${words}; the same figures to the last bit need the same engine, device and number of threads.`,
    },
    { code: commands.join('\n') },
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
