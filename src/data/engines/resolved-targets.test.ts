import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { HandClock } from '../../../test/support/hand-clock.js';
import { Deferred } from '../../core/deferred.js';
import type { Endpoint } from '../../core/endpoint.js';
import { until } from '../../core/until.js';
import { ResolvedTargets } from './resolved-targets.js';

const logger = pino({ level: 'silent' });
const refreshMs = 30_000;
const at = (host: string): Endpoint => ({ host, port: 7000 });

/** A name, what it means now, and how the one who uses it takes a new meaning. */
async function resolved() {
  const clock = new HandClock();
  const dns = { means: ['10.0.0.1'], asked: 0 };
  const user = { told: [] as string[], answers: [] as (() => Promise<void>)[] };
  const lookUp = () => {
    dns.asked++;
    return Promise.resolve([dns.means.map(at)]);
  };
  const onChange = async ([list = []]: readonly (readonly Endpoint[])[]): Promise<void> => {
    user.told.push(list.map(({ host }) => host).join());
    await user.answers.shift()?.();
  };
  const targets = await ResolvedTargets.resolve([[at('app.example')]], onChange, { clock, lookUp });
  /** Lets the next refresh come to its end. */
  const refresh = async (): Promise<void> => {
    clock.pass(refreshMs);
    await until('the refresh', 5_000, () => clock.armed === 1);
  };
  return { clock, dns, user, targets, refresh };
}

describe('the addresses of a target name', () => {
  it('are looked up again every 30 seconds, and told when they are others', async () => {
    const { dns, user, targets, refresh, clock } = await resolved();
    targets.keepFresh(logger);
    dns.means = ['10.0.0.1', '10.0.0.2'];
    await refresh();
    dns.means = ['10.0.0.2', '10.0.0.1'];
    await refresh();
    expect(user.told).toEqual(['10.0.0.1,10.0.0.2']);
    targets[Symbol.dispose]();
    await until('the end', 5_000, () => clock.armed === 0);
    expect(dns.asked).toBe(3);
  });

  it('that could not be put in force are told again, until they could', async () => {
    const { dns, user, targets, refresh } = await resolved();
    targets.keepFresh(logger);
    dns.means = ['10.0.0.2'];
    const refuse = (): Promise<void> => Promise.reject(new Error('no'));
    user.answers = [refuse, refuse];
    await refresh();
    expect(targets.addresses).toEqual([[at('10.0.0.1')]]);
    for (let round = 0; round < 3; round++) await refresh();
    expect(user.told).toEqual(['10.0.0.2', '10.0.0.2', '10.0.0.2']);
    expect(targets.addresses).toEqual([[at('10.0.0.2')]]);
    targets[Symbol.dispose]();
  });

  it('are not looked up while others are being put in force', async () => {
    const { dns, user, targets, clock, refresh } = await resolved();
    targets.keepFresh(logger);
    const slow = new Deferred<void>();
    user.answers = [() => slow.promise];
    dns.means = ['10.0.0.2'];
    clock.pass(refreshMs);
    await until('the new address being told', 5_000, () => user.told.length === 1);
    clock.pass(10 * refreshMs);
    expect(dns.asked).toBe(2);
    slow.resolve();
    await until('the next pause', 5_000, () => clock.armed === 1);
    await refresh();
    expect(dns.asked).toBe(3);
    targets[Symbol.dispose]();
  });
});
