import type { MessageInitShape } from '@bufbuild/protobuf';
import { parseUid } from '../../core/identity.js';
import type { Release, ResponseSchema } from '../../gen/scistream_pb.js';
import type { Route } from '../call.js';

/** Ends a session; the answer means that everything of it is free. Said again while that is not so, it waits for the same. */
export const release: Route<Release, MessageInitShape<typeof ResponseSchema>> = async (facility, request, call) => {
  const session = facility.sessions.findHeld(parseUid(request.uid), call.caller);
  await session.end('release', call.caller.name, 'asked for');
  return {};
};
