import type { Serving } from './serving.js';
export class UdpListener implements Disposable {
  constructor(_serving: Serving, _index: number, _fd: number) {}
  [Symbol.dispose](): void {}
}
