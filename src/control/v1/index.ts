import type { ServiceImpl } from '@connectrpc/connect';
import type { Control } from '../../gen/scistream_pb.js';
import { authenticated } from '../call.js';
import type { Facility } from '../facility.js';
import { hello } from './hello.js';
import { release } from './release.js';
import { req } from './req.js';
import { update } from './update.js';

/** `scistream.Control`: what Python clients speak. */
export function controlV1(facility: Facility): ServiceImpl<typeof Control> {
  return {
    req: authenticated(facility, req),
    update: authenticated(facility, update),
    release: authenticated(facility, release),
    hello: authenticated(facility, hello),
  };
}
