import { expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { testedTypes } from '../support/data-server-types.js';
import { echoesLine, named, Stage } from '../support/stage.js';

/** The Python implementation cut what was silent for 50 or 60 s. */
const silenceMs = 65_000;

/** A connection that has carried a line each way, and one whose client has said nothing yet. */
async function connections(type: string, options: Parameters<typeof Stage.open>[2]) {
  const stage = await Stage.open(type, (await named('1')).address, options);
  const [{ socket: used }, { socket: unused }] = [await stage.enter(), await stage.enter()];
  expect(await echoesLine(used, 'before')).toBe(true);
  return { used, unused };
}

it('R18 a connection of every data server type outlives 65 s of silence, unless the operator limits it', async () => {
  const kept = [];
  for (const { name, type, set } of testedTypes) {
    const { options } = await set();
    kept.push({ name, ...(await connections(type, options)) });
  }
  const { used: limited } = await connections('relay', { args: ['--idle-timeout', '60s'] });

  const began = performance.now();
  await until('the end of the silence', 2 * silenceMs, () => performance.now() - began >= silenceMs);
  limited.resume();
  await until(
    'the end of a connection that may not be silent',
    5_000,
    () => limited.readableEnded || limited.destroyed,
  );
  const lost = kept.map(async ({ name, used, unused }) => {
    const works = await Promise.all([echoesLine(used, 'after'), echoesLine(unused, 'the first words')]).catch(() => [
      false,
    ]);
    return works.every(Boolean) ? [] : [name];
  });
  expect((await Promise.all(lost)).flat()).toEqual([]);
});
