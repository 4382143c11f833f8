import type { ContainerCreateOptions } from 'dockerode';
import type { ContainerUser } from './user.js';

export interface ContainerPlan {
  readonly name: string;
  /** They tell whose it is. */
  readonly labels: Record<string, string>;
  /** Labels for people. */
  readonly notes?: Record<string, string>;
  readonly image: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly user: ContainerUser;
  /** The reservation's folder, at the same path inside; absent for a program that reads nothing. */
  readonly folder?: string;
}

const mebibyte = 2 ** 20;
/** Socket buffers count: room for some hundred fast connections. */
const memory = 2048 * mebibyte;
/** Threads count: stunnel has one for each connection. */
const processes = 8192;

/** What a program is to be run with, which the image may know by several names. */
export type ProgramPlan = Omit<ContainerPlan, 'command'>;

/** A container that sees the host's network and one folder, and may do nothing else. */
export function containerOptions({ folder, ...plan }: ContainerPlan): ContainerCreateOptions {
  return {
    name: plan.name,
    Image: plan.image,
    Labels: { ...plan.notes, ...plan.labels },
    // The image's own entry point may be a script that expects to be root.
    Entrypoint: [plan.command],
    Cmd: [...plan.arguments],
    User: `${plan.user.uid}:${plan.user.gid}`,
    WorkingDir: folder ?? '/',
    HostConfig: {
      NetworkMode: 'host',
      // With an Engine that remaps users, host networking needs this; ours is an unprivileged user anyway.
      UsernsMode: 'host',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Init: false,
      AutoRemove: false,
      // The forwarder restarts it, as it must speak with it afterwards.
      RestartPolicy: { Name: 'no' },
      Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=16m' },
      Mounts: folder === undefined ? [] : [{ Type: 'bind', Source: folder, Target: folder, ReadOnly: false }],
      Memory: memory,
      MemorySwap: memory,
      PidsLimit: processes,
      // Readable by us, and small: the program must never wait for a full log.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2', mode: 'non-blocking' } },
    },
  };
}
