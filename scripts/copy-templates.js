// The templates of configurations lie beside the bundles that read them.
import { cpSync } from 'node:fs';

const from = new URL('../src/data/engines/proxy/templates/', import.meta.url);
cpSync(from, new URL('../dist/cli/templates/', import.meta.url), { recursive: true });
