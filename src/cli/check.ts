import { SciStreamError } from '../core/errors.js';
import { securitiesOf, type DataServerTypes } from '../data/types.js';

/** Prints which data server types work here, and why the others do not. Throws NOT_IMPLEMENTED when `wanted` is not among them. */
export async function printCheck(types: DataServerTypes, wanted: string, json: boolean): Promise<void> {
  const chosen = types.find(wanted);
  const rows = await Promise.all(
    types.all.map(async (type) => {
      const { name, aliases, engine, runner } = type;
      return { name, aliases, engine, runner, security: securitiesOf(type), ...(await type.check()) };
    }),
  );
  if (json) {
    process.stdout.write(`${JSON.stringify(rows)}\n`);
  } else {
    const width = Math.max(...rows.map(({ name }) => name.length));
    for (const row of rows) {
      const detail = row.available ? `ready${row.version === undefined ? '' : `, ${row.version}`}` : row.reason;
      process.stdout.write(`${row.name.padEnd(width)}  ${detail}\n`);
    }
  }
  const found = rows.find(({ name }) => name === chosen.name);
  if (found?.available === false) {
    throw new SciStreamError('NOT_IMPLEMENTED', `--type ${wanted} cannot run here: ${found.reason}`);
  }
}
