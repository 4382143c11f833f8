import { systemClock, type Clock } from '../../../core/clock.js';
import { orAborted } from '../../../core/deferred.js';
import { messageOf, SciStreamError } from '../../../core/errors.js';
import { Scope } from '../../../core/scope.js';
import type { ProgramRunner } from '../../runners/runner.js';
import type { ConnectionInfo, Counters, EngineSettings, Forwarder, ForwarderOptions, Targets } from '../engine.js';
import { ResolvedTargets } from '../resolved-targets.js';
import { Configuration } from './configuration.js';
import type { ProxyControl, ProxyKind, ProxySettings, ProxyStream } from './proxy.js';
import { Supervisor } from './supervisor.js';
import { Totals } from './totals.js';

const pollMs = 1_000;

/** A forwarder that is a program of its own, run for this one reservation. */
export class ProxyForwarder implements Forwarder {
  readonly #kind: ProxyKind;
  readonly #runner: ProgramRunner;
  readonly #settings: EngineSettings;
  readonly #options: ForwarderOptions;
  readonly #clock: Clock;
  readonly #scope = new Scope();
  #totals: Totals | undefined;
  #connections: readonly ConnectionInfo[] = [];
  #targets: ResolvedTargets | undefined;
  #maxRate: number;
  /** As the configuration on disk says. */
  #inForce: ProxySettings | undefined;
  #proxy: { readonly configuration: Configuration; readonly supervisor: Supervisor } | undefined;

  constructor(
    kind: ProxyKind,
    runner: ProgramRunner,
    settings: EngineSettings,
    options: ForwarderOptions,
    clock = systemClock,
  ) {
    this.#kind = kind;
    this.#runner = runner;
    this.#settings = settings;
    this.#options = options;
    this.#clock = clock;
    this.#maxRate = options.maxRate;
  }

  async update(targets: readonly Targets[]): Promise<void> {
    const { logger, released } = this.#options;
    const resolving: Promise<ResolvedTargets> = ResolvedTargets.resolve(targets, async () =>
      this.#apply(await resolving),
    );
    const resolved = await orAborted(resolving, released);
    // From here on, new addresses of the old targets are of no interest, unless the new ones cannot be had.
    this.#targets?.[Symbol.dispose]();
    try {
      if (this.#proxy) await this.#apply(resolved);
      else await this.#open(resolved);
    } catch (error) {
      this.#targets?.keepFresh(logger);
      throw error;
    }
    this.#targets = resolved;
    resolved.keepFresh(logger);
  }

  async limit(maxRate: number): Promise<void> {
    const before = this.#maxRate;
    this.#maxRate = maxRate;
    try {
      if (this.#targets) await this.#apply(this.#targets);
    } catch (error) {
      this.#maxRate = before;
      throw error;
    }
  }

  counters(): Counters {
    return this.#totals?.value ?? {};
  }

  connections(): readonly ConnectionInfo[] {
    return this.#connections;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#targets?.[Symbol.dispose]();
    await this.#scope[Symbol.asyncDispose]();
  }

  /**
   * All listeners or none. Nothing that was started here stays when it fails; what an earlier agent has left, and the files, stay
   * until the reservation is released.
   */
  async #open(targets: ResolvedTargets): Promise<void> {
    const opening = new Scope();
    const { logger, id, released } = this.#options;
    const [kind, runner] = [this.#kind, this.#runner];
    try {
      const place = await runner.place(id);
      const totals = (this.#totals = await Totals.open(place.folder, logger));
      const parts = { kind, runner, place, templateDir: this.#settings.templateDir, options: this.#options, logger };
      const configuration = new Configuration(parts);
      if (this.#options.protection.kind === 'psk-only') {
        logger.warn('this stream is not encrypted: its other end is a gateway of the Python implementation');
      }
      const settings = this.#settingsFor(targets, place.seenAs);
      await this.#follow(configuration, undefined, settings);
      const supervisor = opening.use(
        new Supervisor({
          runner,
          job: () => configuration.job,
          prepare: async () => {
            await totals.restart();
            await kind.prepare?.(place);
            await configuration.followed();
          },
          control: (running, adopted) =>
            kind.control({ place, running, adopted, settings: this.#inForce ?? settings, logger }),
          follow: (control) => configuration.apply(control, settings),
          onLost: () => {
            void totals.restart();
            this.#connections = [];
          },
          released,
          clock: this.#clock,
          logger,
        }),
      );
      await supervisor.start();
      this.#proxy = { configuration, supervisor };
      opening.use(this.#poll(supervisor, totals));
    } catch (error) {
      await opening[Symbol.asyncDispose]();
      throw error;
    }
    this.#scope.use(opening);
  }

  /** New connections follow; a program that is just not there finds it in its configuration. */
  async #apply(targets: ResolvedTargets): Promise<void> {
    const proxy = this.#proxy;
    if (!proxy) return;
    const { configuration, supervisor } = proxy;
    const settings = this.#settingsFor(targets, configuration.job.place.seenAs);
    await supervisor.with(async (control) => {
      const before = this.#inForce;
      try {
        await this.#follow(configuration, control, settings);
      } catch (error) {
        if (before) await this.#goBack(configuration, control, before);
        throw error;
      }
    });
  }

  /** The configuration, the program and what we know are one again, if the program can be talked to at all. */
  async #goBack(configuration: Configuration, control: ProxyControl | undefined, before: ProxySettings): Promise<void> {
    try {
      await this.#follow(configuration, control, before);
    } catch (error) {
      this.#options.logger.warn({ reason: messageOf(error) }, 'the proxy does not go back to its former targets');
    }
  }

  async #follow(
    configuration: Configuration,
    control: ProxyControl | undefined,
    settings: ProxySettings,
  ): Promise<void> {
    await configuration.write(settings);
    this.#inForce = settings;
    if (control) await configuration.apply(control, settings);
  }

  #settingsFor(targets: ResolvedTargets, folder: string): ProxySettings {
    const { listeners, role, transport, protection } = this.#options;
    const { workers, bufferSize, idleTimeoutMs } = this.#settings;
    const streams = listeners.map((listener, index): ProxyStream => {
      const [first, ...rest] = targets.addresses[index] ?? [];
      if (!first) throw new SciStreamError('CONN_ERROR', `Listener ${index + 1} has no target with an address.`);
      return { listener, targets: [first, ...rest] };
    });
    const wan = role === 'PROD' ? 'listener' : 'target';
    return {
      folder,
      streams,
      wan,
      transport,
      protection,
      maxRate: this.#maxRate,
      workers,
      bufferSize,
      idleTimeoutMs,
    };
  }

  /** Asks for the counters each second, and once more at the end. */
  #poll(supervisor: Supervisor, totals: Totals): AsyncDisposable {
    const { logger } = this.#options;
    const ask = async (): Promise<void> => {
      const { control } = supervisor;
      if (!control) return;
      try {
        const { counters, connections } = await control.snapshot();
        if (supervisor.control !== control) return;
        this.#connections = connections;
        await totals.set(counters);
      } catch (error) {
        logger.debug({ reason: messageOf(error) }, 'the proxy did not tell its counters');
      }
    };
    let asking: Promise<void> | undefined;
    const timer = setInterval(() => {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
    }, pollMs);
    timer.unref();
    return {
      async [Symbol.asyncDispose]() {
        clearInterval(timer);
        await asking;
        await ask();
      },
    };
  }
}
