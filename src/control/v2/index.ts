import type { ServiceImpl } from '@connectrpc/connect';
import type { ControlService } from '../../gen/scistream/control/v2/control_pb.js';
import { authenticated, authenticatedStream } from '../call.js';
import type { Facility } from '../facility.js';
import { createSession } from './create-session.js';
import { getFacility } from './get-facility.js';
import { getSession } from './get-session.js';
import { listSessions } from './list-sessions.js';
import { releaseSession } from './release-session.js';
import { updateSession } from './update-session.js';
import { watchSessions } from './watch-sessions.js';

/** `scistream.control.v2`: what version 1 cannot do. */
export function controlV2(facility: Facility): ServiceImpl<typeof ControlService> {
  return {
    createSession: authenticated(facility, createSession),
    getSession: authenticated(facility, getSession),
    listSessions: authenticated(facility, listSessions),
    updateSession: authenticated(facility, updateSession),
    releaseSession: authenticated(facility, releaseSession),
    watchSessions: authenticatedStream(facility, watchSessions),
    getFacility: authenticated(facility, getFacility),
  };
}
