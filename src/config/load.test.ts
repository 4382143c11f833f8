import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { parsePort } from '../core/endpoint.js';
import { SciStreamError } from '../core/errors.js';
import { flag, loadConfig, parsed } from './load.js';

const envPrefix = 'SCISTREAM_TEST_';
const schema = z.strictObject({
  name: z.string().default('from the defaults'),
  bestPort: parsed((text) => parsePort(text)).prefault('5000'),
  mostOfIt: z.coerce.number().int().min(1).default(10),
  verbose: flag.default(false),
});

async function file(content: string): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'scistream-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const name = path.join(dir, 'settings.yaml');
  await writeFile(name, content);
  return name;
}

/** The error of settings that must be refused. */
async function refusal(sources: { flags?: Record<string, unknown>; file?: string }): Promise<SciStreamError> {
  try {
    await loadConfig(schema, { flags: {}, envPrefix, ...sources });
  } catch (error) {
    if (error instanceof SciStreamError) return error;
    throw error;
  }
  throw new Error('these settings were taken');
}

describe('settings', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('takes flags over the environment over the file over the defaults, for each setting by itself', async () => {
    const inFile = await file('name: from the file\n');
    const sources = fc.record({ flags: fc.boolean(), environment: fc.boolean(), file: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(sources, async (has) => {
        vi.unstubAllEnvs();
        if (has.environment) vi.stubEnv('SCISTREAM_TEST_NAME', 'from the environment');
        const config = await loadConfig(schema, {
          flags: { name: has.flags ? 'from the flags' : undefined, mostOfIt: '11' },
          envPrefix,
          file: has.file ? inFile : undefined,
        });
        const winner = has.flags ? 'flags' : has.environment ? 'environment' : has.file ? 'file' : 'defaults';
        expect(config).toEqual({ name: `from the ${winner}`, bestPort: 5000, mostOfIt: 11, verbose: false });
      }),
    );
  });

  it.each(['best-port: 7', 'best_port: 7', 'bestPort: 7', 'best-port: "7"'])(
    'understands %j in a file',
    async (line) => {
      expect(await loadConfig(schema, { flags: {}, envPrefix, file: await file(line) })).toMatchObject({ bestPort: 7 });
    },
  );

  it.each([
    ['true', true],
    ['True', true],
    ['FALSE', false],
    ['"true"', true],
  ])('understands a flag that is %s in a file', async (text, verbose) => {
    const settings = await loadConfig(schema, { flags: {}, envPrefix, file: await file(`verbose: ${text}`) });
    expect(settings.verbose).toBe(verbose);
  });

  it('reads an environment variable by its name in capitals', async () => {
    vi.stubEnv('SCISTREAM_TEST_BEST_PORT', '8');
    vi.stubEnv('SCISTREAM_TEST_VERBOSE', 'True');
    expect(await loadConfig(schema, { flags: {}, envPrefix })).toMatchObject({ bestPort: 8, verbose: true });
  });

  it('takes an empty variable for none, so that what the file says counts', async () => {
    vi.stubEnv('SCISTREAM_TEST_NAME', '');
    vi.stubEnv('SCISTREAM_TEST_BEST_PORT', '');
    vi.stubEnv('SCISTREAM_TEST_VERBOSE', '');
    expect(await loadConfig(schema, { flags: {}, envPrefix, file: await file('name: from the file\n') })).toEqual({
      ...{ name: 'from the file', bestPort: 5000, mostOfIt: 10, verbose: false },
    });
  });

  it('lets a flag be off that the environment and the file have on', async () => {
    const on = await file('verbose: true\n');
    const off = { flags: { verbose: false }, envPrefix, file: on };
    expect((await loadConfig(schema, off)).verbose).toBe(false);
    vi.stubEnv('SCISTREAM_TEST_VERBOSE', 'true');
    expect((await loadConfig(schema, off)).verbose).toBe(false);
  });

  it('takes an empty file for no settings', async () => {
    expect(await loadConfig(schema, { flags: {}, envPrefix, file: await file('# nothing yet\n') })).toMatchObject({
      bestPort: 5000,
    });
  });

  it('cannot be changed afterwards', async () => {
    const config = await loadConfig(schema, { flags: {}, envPrefix });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Reflect.set(config, 'name', 'other')).toBe(false);
  });

  it('names an unknown setting of a file', async () => {
    const { code, message } = await refusal({ file: await file('name: x\nbestPorts: 3\nother_one: 4\n') });
    expect(code).toBe('BAD_FORMAT');
    expect(message).toBe('Unknown setting: best-ports, other-one.');
  });

  it.each([
    ['best-port', 'none'],
    ['most-of-it', 'many'],
    ['most-of-it', '0'],
    ['verbose', 'maybe'],
    ['name', '[1, 2]'],
  ])('names the setting %s when its value is %j', async (setting, value) => {
    const { code, message } = await refusal({ file: await file(`${setting}: ${value}\n`) });
    expect(code).toBe('BAD_FORMAT');
    expect(message).toContain(setting);
    expect(message).not.toContain('\n');
  });

  it('names the setting when its value in the environment is wrong', async () => {
    vi.stubEnv('SCISTREAM_TEST_BEST_PORT', '80000');
    expect((await refusal({})).message).toContain('best-port');
  });

  it('names the setting when the value of its flag is wrong', async () => {
    expect((await refusal({ flags: { bestPort: 'x' } })).message).toContain('best-port');
  });

  it('names a file that cannot be read', async () => {
    const { code, message } = await refusal({ file: '/nonexistent/settings.yaml' });
    expect(code).toBe('BAD_FORMAT');
    expect(message).toMatch(/^Cannot read --config \/nonexistent\/settings\.yaml: /);
  });

  it.each(['- a\n- b\n', 'just text\n', '7\n'])('refuses %j, which holds no settings', async (content) => {
    const { code, message } = await refusal({ file: await file(content) });
    expect(code).toBe('BAD_FORMAT');
    expect(message).toContain('--config');
  });

  it.each(['name: a: b\n', 'name: [1\n', '\tname: x\n'])('says in one line that %j is no YAML', async (content) => {
    const { code, message } = await refusal({ file: await file(content) });
    expect(code).toBe('BAD_FORMAT');
    expect(message).toContain('--config');
    expect(message).not.toContain('\n');
  });
});
