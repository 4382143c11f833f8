import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../../src/core/until.js';
import { temporaryDir } from '../support/facility.js';
import { Program, run, type ProgramName } from '../support/program.js';
import { freePortRange } from '../support/tcp.js';

const programs: ProgramName[] = ['s2cs', 's2ds', 's2uc', 'appctrl'];

describe('the documents', () => {
  it('R25 the first stream by hand works as the README says, command by command', async () => {
    const blocks = (await fencedShell('README.md')).filter((block) => /s2cs|nc |s2uc/.test(block));
    expect(blocks).toHaveLength(5);
    const [facilities, produce, consume, manage, check] = await elsewhere(blocks);
    const servers = bash(`${facilities ?? ''}\nwait`);
    await until('both facilities being ready', 20_000, () => servers.stdout.match(/listens at/g)?.length === 2);
    const producer = bash(produce ?? '');
    const consumer = bash(consume ?? '');
    await consumer.shows(/Stream \S+ is open/);
    producer.process.stdin?.write('hello from the instrument\n');
    await consumer.shows(/^hello from the instrument$/m);
    consumer.process.stdin?.write('hello back\n');
    await producer.shows(/^hello back$/m);
    const managed = await bash(manage ?? '').finished;
    expect(managed.stdout, managed.stderr).toMatch(/^UID .*active.*active.*^Released/ms);
    expect((await bash(check ?? '').finished).stdout).toMatch(/^relay +ready$/m);
    // As Ctrl-C in each terminal would.
    for (const terminal of [consumer, producer, servers]) {
      for (const pid of await childrenOf(terminal)) process.kill(pid, 'SIGTERM');
      await terminal.finished;
    }
  }, 60_000);

  it('R25 every command and option that the documents name exists, and every one that exists is named', async () => {
    const commands = await readFile('docs/commands.md', 'utf8');
    const named = new Set(optionsIn(commands));
    const known = new Set(optionsIn(await allHelp()));
    for (const ordinary of ['--help', '--version']) known.delete(ordinary);
    named.delete('--help');
    expect([...named].sort()).toEqual([...known].sort());
    for (const command of (await run('s2uc', ['--help'])).stdout.match(/^ {2}([a-z][a-z-]+)(?= )/gm) ?? []) {
      if (command.trim() !== 'help') expect(commands).toContain(`\`${command.trim()}`);
    }
  });
});

function optionsIn(text: string): string[] {
  return (text.match(/--[a-z][a-z0-9_-]*/g) ?? []).map((option) => option.replaceAll('_', '-'));
}

async function allHelp(): Promise<string> {
  const subcommands: Record<string, string[]> = { s2cs: [], s2ds: [] };
  for (const name of ['s2uc', 'appctrl'] as const) {
    const { stdout } = await run(name, ['--help']);
    subcommands[name] = (stdout.match(/^ {2}[a-z][a-z-]+(?= )/gm) ?? []).map((command) => command.trim());
  }
  const texts = programs.flatMap((name) =>
    [[], ...(subcommands[name] ?? []).map((command) => [command])].map((args) => run(name, [...args, '--help'])),
  );
  return (await Promise.all(texts)).map(({ stdout }) => stdout).join('\n');
}

async function fencedShell(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block ?? '');
}

/** The same commands with ports and folders of the test's own, so that it can run beside anything. */
async function elsewhere(blocks: readonly string[]): Promise<string[]> {
  const dir = await temporaryDir();
  const first = Number((await freePortRange(30)).split('-')[0]);
  const places: [string, string][] = [
    ['5100-5110', `${first + 5}-${first + 14}`],
    ['5200-5210', `${first + 15}-${first + 24}`],
    ['5200', String(first + 15)],
    ['5000', String(first)],
    ['5001', String(first + 1)],
    ['7000', String(first + 2)],
    ['/tmp/', `${dir}/`],
  ];
  return blocks.map((block) => places.reduce((text, [from, to]) => text.replaceAll(from, to), block));
}

/** A shell that stays, so that what it runs are its children. */
function bash(script: string): Program {
  return new Program('bash', ['-c', `${script}\nexit`]);
}

async function childrenOf({ process: { pid } }: Program): Promise<number[]> {
  const { stdout } = await new Program('pgrep', ['-P', String(pid)]).finished;
  return stdout.trim().split('\n').filter(Boolean).map(Number);
}
