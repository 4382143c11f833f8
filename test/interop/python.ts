import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { Program } from '../support/program.js';
import type { Requirement } from '../support/requires.js';

const python = '/usr/bin/python3';
const protoFile = fileURLToPath(new URL('../../proto/scistream.proto', import.meta.url));
/** Numbers from here on are ours; upstream never had them. */
const firstOwnField = 16;

export const pythonGrpc: Requirement = {
  name: 'Python with grpcio and grpcio-tools',
  check: [python, '-c', 'import grpc, grpc_tools.protoc'],
  hint: 'apt-get install python3-grpcio python3-grpc-tools',
};

/** The protocol file as an old peer has it, or as it is shipped. */
export type Proto = 'upstream' | 'shipped';

/** Before the tests of the calling suite, makes Python modules from the protocol file; answers their folder, gone afterwards. */
export function pythonStubs(proto: Proto): () => string {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'scistream-stubs-'));
    const shipped = await readFile(protoFile, 'utf8');
    await writeFile(path.join(dir, 'scistream.proto'), proto === 'shipped' ? shipped : withoutOwnFields(shipped));
    const output = [`--python_out=${dir}`, `--grpc_python_out=${dir}`];
    await promisify(execFile)(python, ['-m', 'grpc_tools.protoc', '-I', dir, ...output, 'scistream.proto']);
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  return () => dir;
}

/** One of the scripts beside this file in a process of its own. */
export function startPython(script: string, args: readonly string[], stubs: string, token?: string): Program {
  const file = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  // grpcio would send even calls to this machine to a proxy that the environment names.
  const env = { PYTHONPATH: stubs, PYTHONDONTWRITEBYTECODE: '1', no_grpc_proxy: '127.0.0.1,localhost' };
  return new Program(python, [file, ...args], { env: token === undefined ? env : { ...env, SCISTREAM_TOKEN: token } });
}

function withoutOwnFields(proto: string): string {
  return proto.replace(/^.* = (\d+);\n/gm, (field, number) => (Number(number) < firstOwnField ? field : ''));
}
