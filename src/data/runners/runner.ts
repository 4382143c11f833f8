/** Whether something can run on this machine, and what to do when it cannot. */
export type Availability = { readonly available: true } | { readonly available: false; readonly reason: string };

/** Where an engine's work is done: in the agent itself, or in a program that the runner starts. */
export interface Runner {
  /** Asked at start-up and by GetFacility; never throws. */
  check(): Promise<Availability>;
}
