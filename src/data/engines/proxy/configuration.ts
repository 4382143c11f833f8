import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../../observe/logger.js';
import { readPlain, writePrivate } from '../../../platform/state-dir.js';
import type { Job, Place, ProgramRunner } from '../../runners/runner.js';
import type { ForwarderOptions } from '../engine.js';
import type { ProxyControl, ProxyKind, ProxySettings } from './proxy.js';
import { render } from './template.js';

export interface ConfigurationOptions {
  readonly kind: ProxyKind;
  readonly runner: ProgramRunner;
  readonly place: Place;
  readonly templateDir: string | undefined;
  readonly options: ForwarderOptions;
  readonly logger: Logger;
}

/**
 * The files of one proxy. The configuration in force is replaced only by one that the program itself has accepted. A file says
 * that the program was not told yet, for an agent that comes after one that died at that moment.
 */
export class Configuration {
  readonly #parts: ConfigurationOptions;
  readonly #name: string;

  constructor(parts: ConfigurationOptions) {
    this.#parts = parts;
    this.#name = parts.kind.template.slice(0, -'.j2'.length);
  }

  /** How the program is started with it. */
  get job(): Job {
    return this.#job(this.#name);
  }

  /** Throws SERVER_ERR with the program's words when it refuses it. */
  async write(settings: ProxySettings): Promise<void> {
    const { kind, runner, place, templateDir } = this.#parts;
    const text = await render(kind.template, kind.values(settings), templateDir);
    for (const { name, content } of kind.files(settings)) await write(path.join(place.folder, name), content);
    const draft = `next-${this.#name}`;
    await write(path.join(place.folder, draft), text);
    await runner.verify(this.#job(draft));
    const file = path.join(place.folder, this.#name);
    if (text !== (await readPlain(file).catch(() => undefined))) await write(this.#untold, '');
    await rename(path.join(place.folder, draft), file);
  }

  /** Makes a running program follow what was written, unless it does: not all can without a gap in which they refuse. */
  async apply(control: ProxyControl, settings: ProxySettings): Promise<void> {
    if (!existsSync(this.#untold)) return;
    await control.apply(settings);
    await this.followed();
  }

  /** The program follows what was written, or will as soon as it starts. */
  async followed(): Promise<void> {
    await rm(this.#untold, { force: true });
  }

  get #untold(): string {
    return path.join(this.#parts.place.folder, 'untold');
  }

  #job(file: string): Job {
    const { kind, place, options, logger } = this.#parts;
    const seen = path.posix.join(place.seenAs, file);
    const checkArguments = kind.checkArguments?.(seen, place.seenAs);
    return {
      id: options.id,
      uid: options.uid,
      program: kind.program,
      place,
      arguments: kind.arguments(seen, place.seenAs),
      ...(checkArguments ? { checkArguments } : {}),
      listeners: options.listeners,
      transport: options.transport,
      logger,
    };
  }
}

/** The program that it is for ends with the machine. */
function write(file: string, content: string): Promise<void> {
  return writePrivate(file, content, { durable: false });
}
