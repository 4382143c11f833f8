import type { Metric } from './scenario.js';

export const throughput: Metric = { key: 'throughput', label: 'received', unit: 'Gb/s', better: 'higher' };
export const cpu: Metric = { key: 'cpu', label: 'CPU', unit: 's/GB', better: 'lower' };
export const loss: Metric = { key: 'loss', label: 'lost', unit: '%', better: 'lower' };
export const requests: Metric = { key: 'requests', label: 'requests', unit: '1/s', better: 'higher' };
export const connections: Metric = { key: 'connections', label: 'new connections', unit: '1/s', better: 'higher' };
export const messages: Metric = { key: 'messages', label: 'messages', unit: '1/s', better: 'higher' };
export const megabytes: Metric = { key: 'megabytes', label: 'payload', unit: 'MB/s', better: 'higher' };
export const p50: Metric = { key: 'p50', label: 'p50', unit: 'ms', better: 'lower' };
export const p99: Metric = { key: 'p99', label: 'p99', unit: 'ms', better: 'lower' };
export const release: Metric = { key: 'release', label: 'Release p50', unit: 'ms', better: 'lower' };
export const resident: Metric = { key: 'resident', label: 'memory', unit: 'MB', better: 'lower' };
export const perConnection: Metric = { key: 'perConnection', label: 'per connection', unit: 'kB', better: 'lower' };
export const tenThousand: Metric = { key: 'tenThousand', label: 'with 10 000', unit: 'MB', better: 'lower' };
