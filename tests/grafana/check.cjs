// Holds every dashboard against the types that Grafana publishes of its files: node tests/grafana/check.cjs
//
// Each dashboard, the options of each panel and what each panel says of its fields is written as TypeScript with the type
// that Grafana gives it; the compiler then says what is missing, misspelt or of another kind.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const ts = require('typescript');

const schema = path.dirname(require.resolve('@grafana/schema/package.json'));
const raw = path.join(schema, 'dist/types/raw');
const folder = path.join(__dirname, '../../dashboards');

const KINDS = {
  timeseries: 'TimeSeries',
  stat: 'Stat',
  table: 'Table',
  bargauge: 'BarGauge',
};

const head = [
  `import type { Dashboard } from '${raw}/dashboard/x/dashboard_types.gen';`,
  ...Object.entries(KINDS).map(
    ([kind, name]) => `import type * as ${kind} from '${raw}/composable/${kind}/panelcfg/x/${name}PanelCfg_types.gen';`,
  ),
  // An enumeration's values are texts in a file.
  'type Plain<T> = T extends string ? `${T}` : T extends number ? number : T extends Array<infer U> ? Plain<U>[]',
  '  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;',
];

function source(dashboard) {
  const lines = [...head, `export const whole: Plain<Dashboard> = ${JSON.stringify(dashboard)};`];
  for (const panel of dashboard.panels.filter((panel) => panel.type !== 'row')) {
    if (!(panel.type in KINDS)) {
      throw new Error(`panel ${panel.id}: say here what describes a ${panel.type}`);
    }
    const custom = panel.fieldConfig.defaults.custom;
    lines.push(`export const options${panel.id}: Plain<${panel.type}.Options> = ${JSON.stringify(panel.options)};`);
    if (custom) {
      lines.push(`export const custom${panel.id}: Plain<${panel.type}.FieldConfig> = ${JSON.stringify(custom)};`);
    }
  }
  return lines.join('\n');
}

const files = fs.readdirSync(folder).filter((name) => name.endsWith('.json'));
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'dashboards-'));
const written = files.map((name) => {
  const file = path.join(work, name.replace('.json', '.ts'));
  fs.writeFileSync(file, source(JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'))));
  return file;
});
const program = ts.createProgram(written, { noEmit: true, strict: true, skipLibCheck: true, types: [] });
const faults = ts.getPreEmitDiagnostics(program);
fs.rmSync(work, { recursive: true });
for (const fault of faults) {
  const { line, character } = fault.file?.getLineAndCharacterOfPosition(fault.start) ?? { line: 0, character: 0 };
  const text = ts.flattenDiagnosticMessageText(fault.messageText, '\n');
  console.error(`${path.basename(fault.file?.fileName ?? '')}:${line + 1}:${character + 1}: ${text.slice(0, 600)}`);
}
if (faults.length > 0 || files.length === 0) {
  process.exit(1);
}
console.log(`${files.length} dashboards are as Grafana describes them`);
