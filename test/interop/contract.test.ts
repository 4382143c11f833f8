import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { requirePrograms } from '../support/requires.js';
import { pythonGrpc, pythonStubs, startPython } from './python.js';

const contract = z.strictObject({
  package: z.string(),
  messages: z.record(z.string(), z.record(z.string(), z.number())),
  methods: z.record(z.string(), z.tuple([z.string(), z.string()])),
});

const upstream: z.infer<typeof contract> = {
  package: 'scistream',
  messages: {
    Request: { uid: 1, role: 2, num_conn: 3, rate: 4 },
    UpdateTargets: { uid: 1, remote_listeners: 2, role: 3 },
    Release: { uid: 1 },
    Hello: { uid: 1, prod_listeners: 2, role: 3 },
    Response: { listeners: 1, prod_listeners: 2 },
    AppResponse: { message: 1, listeners: 2 },
  },
  methods: {
    req: ['Request', 'Response'],
    update: ['UpdateTargets', 'Response'],
    release: ['Release', 'Response'],
    hello: ['Hello', 'AppResponse'],
  },
};

describe.runIf(requirePrograms(pythonGrpc))('the protocol file, as Python reads it', () => {
  const old = pythonStubs('upstream');
  const shipped = pythonStubs('shipped');

  async function read(stubs: string) {
    const { code, stdout, stderr } = await startPython('upstream_client.py', ['contract', '--insecure'], stubs)
      .finished;
    expect(code, stderr).toBe(0);
    return contract.parse(JSON.parse(stdout));
  }

  it("holds exactly upstream's fields and methods once ours are left out", async () => {
    expect(await read(old())).toEqual(upstream);
  });

  it("adds fields to upstream's under numbers from 16 on only", async () => {
    const { messages, ...rest } = await read(shipped());
    expect({ ...rest, messages: shared(messages) }).toEqual(upstream);
    expect(Object.values(messages['Request'] ?? {}).some((number) => number >= 16)).toBe(true);
  });
});

function shared(messages: Record<string, Record<string, number>>): Record<string, Record<string, number>> {
  const old = Object.keys(upstream.messages).map((name) => {
    const fields = Object.entries(messages[name] ?? {}).filter(([, number]) => number < 16);
    return [name, Object.fromEntries(fields)] as const;
  });
  return Object.fromEntries(old);
}
