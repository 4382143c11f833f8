type Cleanup = () => void | Promise<void>;

/**
 * Owns things until it is disposed, then frees them in reverse order. Every clean-up runs, even when one before it fails;
 * the failures are thrown together at the end. Disposing twice frees once.
 */
export class Scope implements AsyncDisposable {
  readonly #cleanups: Cleanup[] = [];
  #disposal: Promise<void> | undefined;

  get disposed(): boolean {
    return this.#disposal !== undefined;
  }

  /** Runs `cleanup` when the scope ends. */
  defer(cleanup: Cleanup): void {
    if (this.disposed) throw new Error('The scope has ended: nothing can be added to it.');
    this.#cleanups.push(cleanup);
  }

  /** Takes ownership of `resource` and hands it back. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.defer(async () => {
      if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]();
      else resource[Symbol.dispose]();
    });
    return resource;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#run();
    return this.#disposal;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, 'Several things could not be freed.');
  }
}
