import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import type { Verifier } from '../../src/auth/verifier.js';
import { SciStreamError } from '../../src/core/errors.js';
import { memoryFacility } from '../support/memory-facility.js';

/** Two users, each with a token of their own. */
const verifier: Verifier = {
  method: 'test',
  scope: 'scope-of-this-facility',
  verify: (token) => {
    const name = { 'token-a': 'alice', 'token-b': 'bob' }[token];
    return name === undefined
      ? Promise.reject(new SciStreamError('AUTH_ERROR', 'A token for scope scope-of-this-facility is needed.'))
      : Promise.resolve({ name });
  },
};
const alice = { headers: { authorization: 'token-a' } };
const bob = { headers: { authorization: 'Bearer token-b' } };
const target = { role: 'PROD', targets: ['h.example:1'] };

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => expect.fail('the call succeeded'),
    (error: unknown) => ConnectError.from(error),
  );
}

describe('authentication', () => {
  it('S8 comes first on every call: a stranger learns the scope and not whether a uid exists or a field is wrong', async () => {
    const { v1, v2 } = memoryFacility({ verifier });
    await v2.createSession({ ...target, uid: 'secret' }, alice);
    const calls = ['secret', 'unknown', '../bad'].flatMap((uid) => [
      v1.req({ uid, role: '?' }),
      v1.hello({ uid }),
      v1.update({ uid }),
      v1.release({ uid }),
      v2.getSession({ uid }),
      v2.updateSession({ uid }),
      v2.releaseSession({ uid }),
      v2.createSession({ uid }),
      v2.listSessions({}),
      v2.getFacility({}),
    ]);
    for (const { code, rawMessage } of await Promise.all(calls.map(failure))) {
      expect(code).toBe(Code.Unauthenticated);
      expect(rawMessage).toBe('A token for scope scope-of-this-facility is needed.');
    }
  });

  it("S5 S8 somebody else's session answers exactly as one that does not exist", async () => {
    const { v1, v2 } = memoryFacility({ verifier });
    await v2.createSession({ ...target, uid: 'hers' }, alice);
    const asks = [
      (uid: string) => v1.update({ uid, role: 'PROD', remoteListeners: ['h:1'] }, bob),
      (uid: string) => v1.release({ uid }, bob),
      (uid: string) => v2.getSession({ uid }, bob),
      (uid: string) => v2.releaseSession({ uid }, bob),
    ];
    for (const ask of asks) {
      const [hers, nobodys] = await Promise.all([failure(ask('hers')), failure(ask('none'))]);
      expect(hers.code).toBe(Code.NotFound);
      expect(hers.rawMessage.replace('hers', 'none')).toBe(nobodys.rawMessage);
    }
    expect((await v2.listSessions({}, bob)).sessions).toEqual([]);
    expect((await v2.getSession({ uid: 'hers' }, alice)).session?.owner).toBe('alice');
  });

  it("S5 a Hello does not reach somebody else's session", async () => {
    const { v1, v2 } = memoryFacility({ verifier });
    const { session } = await v2.createSession({ ...target, role: 'CONS', uid: 'hers' }, alice);
    const eavesdropping = failure(v1.hello({ uid: 'hers', role: 'CONS' }, { ...bob, timeoutMs: 200 }));
    expect((await eavesdropping).code).toBe(Code.DeadlineExceeded);
    expect((await v1.hello({ uid: 'hers', role: 'CONS' }, alice)).listeners).toEqual(session?.listeners);
  });
});
