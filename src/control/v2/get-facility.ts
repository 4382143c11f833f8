import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  GetFacilityResponseSchema,
  type GetFacilityRequest,
  type GetFacilityResponse,
} from '../../gen/scistream/control/v2/control_pb.js';
import type { Route } from '../call.js';

/** What can be had here. */
export const getFacility: Route<GetFacilityRequest, GetFacilityResponse> = async (facility) => {
  const { types, portRange, portsTotal, portsFree } = await facility.gateway.info();
  const { version, gateway, listenerIp, maxSessions, maxListeners, setupTimeoutMs, verifier, security } = facility;
  return create(GetFacilityResponseSchema, {
    version,
    protocols: ['v1', 'v2'],
    types,
    defaultType: gateway.type,
    defaultSecurity: security,
    listenerIp,
    portRange,
    portsTotal,
    portsFree,
    limits: { maxSessions, maxListenersPerSession: maxListeners, helloTimeout: durationFromMs(setupTimeoutMs) },
    authentication: { method: verifier.method, scope: verifier.scope },
  });
};
