/** Time as the program sees it; injected, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `action` once, `ms` from now, unless disposed before. Never keeps the process alive. */
  after(ms: number, action: () => void): Disposable;
}

/** Longer delays overflow Node's timers and would fire at once. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, action) {
    let timer: NodeJS.Timeout;
    const arm = (left: number): void => {
      const step = Math.min(left, longestTimer);
      timer = setTimeout(() => {
        if (left > step) arm(left - step);
        else action();
      }, step);
      timer.unref();
    };
    arm(Math.max(0, ms));
    return {
      [Symbol.dispose]() {
        clearTimeout(timer);
      },
    };
  },
};
