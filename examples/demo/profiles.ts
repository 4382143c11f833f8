export const profileNames = ['lcls', 'deleria'] as const;
export type ProfileName = (typeof profileNames)[number];

export interface Profile {
  readonly messageBytes: number;
  /** How many are sent when nobody says. */
  readonly messages: number;
  /** Messages that ZeroMQ holds at each end before the sender has to wait. */
  readonly highWaterMark: number;
}

/** Message sizes of two instruments: the frames of an X-ray laser's detector, the events of a gamma-ray spectrometer. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  lcls: { messageBytes: 1 << 20, messages: 1000, highWaterMark: 4 },
  deleria: { messageBytes: 16 << 10, messages: 60_000, highWaterMark: 128 },
};
