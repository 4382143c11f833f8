import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type net from 'node:net';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../../src/core/until.js';
import { inspect } from '../../src/platform/processes.js';
import { proxyPackages } from '../support/processes.js';
import { requirePrograms } from '../support/requires.js';
import { echoesLine, named, Stage } from '../support/stage.js';

const installed = requirePrograms(...proxyPackages);
const recordForm = z.looseObject({ pid: z.int() });
const names = ['bytesIn', 'bytesOut', 'totalConnections'] as const;

/**
 * What a stream has really carried, beside what its data server tells of it: that never goes back, and its bytes are never more.
 * Connections may be, as a program that comes to serve may take one and lose it.
 */
class Ledger {
  readonly #stage: Stage;
  readonly #carried = { bytesIn: 0, bytesOut: 0, totalConnections: 0 };
  readonly #told = { bytesIn: 0, bytesOut: 0, totalConnections: 0 };

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async enter(): Promise<net.Socket> {
    const { socket } = await this.#stage.enter();
    this.#carried.totalConnections++;
    this.#carried.bytesOut++;
    return socket;
  }

  async echo(socket: net.Socket, bytes: number): Promise<void> {
    this.#carried.bytesIn += bytes;
    this.#carried.bytesOut += bytes;
    expect(await echoesLine(socket, 'x'.repeat(bytes))).toBe(true);
  }

  /** A connection that begins and ends. */
  async transfer(bytes: number): Promise<void> {
    const socket = await this.enter();
    await this.echo(socket, bytes);
    socket.end();
    socket.resume();
  }

  /** Waits until all is told. An agent that has not taken over yet tells nothing. */
  async agrees(): Promise<void> {
    const { server, id } = this.#stage;
    await until('all being told', 10_000, async () => {
      const { reservations } = await server.client.list({ id });
      return this.#check(reservations[0]?.counters ?? {});
    }).catch((error: unknown) => {
      throw new Error(`told ${JSON.stringify(this.#told)} of ${JSON.stringify(this.#carried)}`, { cause: error });
    });
  }

  async agreesAtTheEnd(): Promise<void> {
    const { counters } = await this.#stage.server.client.release({ id: this.#stage.id });
    expect(this.#check(counters ?? {})).toBe(true);
    expect(counters).toMatchObject({
      bytesIn: BigInt(this.#carried.bytesIn),
      bytesOut: BigInt(this.#carried.bytesOut),
    });
  }

  /** Whether all is told. */
  #check(counters: Partial<Record<(typeof names)[number], bigint>>): boolean {
    for (const name of names) {
      if (counters[name] === undefined) continue;
      const value = Number(counters[name]);
      expect(value, name).toBeGreaterThanOrEqual(this.#told[name]);
      if (name !== 'totalConnections') expect(value, name).toBeLessThanOrEqual(this.#carried[name]);
      this.#told[name] = value;
    }
    return names.every((name) => this.#told[name] >= this.#carried[name]);
  }
}

/** The first process of the program; undefined while none is known. */
async function programOf({ folder }: Stage): Promise<number | undefined> {
  const text = await readFile(`${folder}/process.json`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : recordForm.parse(JSON.parse(text)).pid;
}

/** Kills the program with all its processes and answers which it was. */
async function killProgram(stage: Stage): Promise<number> {
  const pid = await until('a program', 5_000, () => programOf(stage));
  process.kill(-pid, 'SIGKILL');
  await until('the end of the program', 5_000, () => inspect(pid)?.runs !== true);
  return pid;
}

/** The next program has just been started: it serves soon, and has not been asked for its counters yet. */
async function startsAnother(stage: Stage, than: number): Promise<void> {
  await until('another program', 10_000, async () => {
    const pid = await programOf(stage);
    return pid !== undefined && pid !== than;
  });
}

async function open(type: string): Promise<{ stage: Stage; ledger: Ledger }> {
  const { address } = await named('1');
  const stage = await Stage.open(type, address, {});
  return { stage, ledger: new Ledger(stage) };
}

describe.runIf(installed).each(['haproxy-process', 'nginx-process', 'stunnel-process'])('counters of %s', (type) => {
  it('are the bytes carried, over a crash of the data server and a restart of the program', async () => {
    const { stage, ledger } = await open(type);
    await ledger.transfer(20_000);
    await ledger.agrees();
    const durable = await ledger.enter();
    await ledger.echo(durable, 100_000);
    await ledger.agrees();
    expect((await stat(`${stage.folder}/totals.json`)).mode & 0o777).toBe(0o600);

    await stage.crash(() => ledger.echo(durable, 30_000));
    await ledger.transfer(40_000);
    await ledger.echo(durable, 50_000);
    // HAProxy has counted all of a connection when it has ended.
    durable.end();
    await ledger.agrees();
    await ledger.echo(await ledger.enter(), 70_000);
    await ledger.agrees();

    await killProgram(stage);
    await ledger.transfer(60_000);
    await ledger.agrees();
    await ledger.agreesAtTheEnd();
    expect(existsSync(stage.folder)).toBe(false);
  });

  it('are so when the data server crashes between a restart and the next question, or before any', async () => {
    const { stage, ledger } = await open(type);
    await ledger.transfer(200_000);
    await ledger.agrees();

    const first = await killProgram(stage);
    await startsAnother(stage, first);
    await stage.crash(() => ledger.transfer(30_000));
    await ledger.agrees();

    await stage.crash(async () => {
      await killProgram(stage);
    });
    await ledger.transfer(40_000);
    await ledger.agrees();

    const third = await killProgram(stage);
    await stage.crash(() => Promise.resolve());
    await startsAnother(stage, third);
    await ledger.transfer(50_000);
    await ledger.agrees();
    await ledger.agreesAtTheEnd();
  });
});
