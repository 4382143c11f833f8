/** Who is calling, as far as authentication could tell. */
export interface Principal {
  /** Stable and unique; sessions belong to it. */
  readonly name: string;
}

/** Decides whether a token is good. One file per method beside this one. */
export interface Verifier {
  /** As shown by GetFacility. */
  readonly method: string;
  /** What a token has to be issued for; empty when there is no such thing. */
  readonly scope: string;
  /** `token` is empty when the caller sent none. Throws AUTH_ERROR naming the scope. */
  verify(token: string): Promise<Principal>;
}

/** The token of an `authorization` header: bare, as Python clients send it, or behind `Bearer`. */
export function tokenOf(header: string | null): string {
  return (header ?? '').replace(/^Bearer\s+/i, '').trim();
}
