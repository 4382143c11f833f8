import type { ProgramName } from '../support/programs.js';

export interface Metric {
  readonly key: string;
  readonly label: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

/** One measurement of one arm: a value for each metric, but for those that it cannot have. */
export type Sample = Readonly<Record<string, number>>;

export interface ArmResult {
  readonly name: string;
  readonly label: string;
  /** In the order in which they were measured. */
  readonly samples: readonly Sample[];
  /** Why it has no samples, or no more of them. */
  readonly problem?: string;
}

export interface Context {
  /** How often each arm is measured. */
  readonly rounds: number;
  /** How long each measurement takes. */
  readonly seconds: number;
  /** Everything is smaller. */
  readonly quick: boolean;
  /** Options of s2ds that name the Docker Engine and the images. */
  readonly containers: readonly string[];
  /** For files of this run; arms get folders in it. */
  readonly folder: string;
  /** Tells the user what is going on. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Something that several arms do, one after the other, again and again. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Belongs to the quick run too. */
  readonly quick: boolean;
  /** Without these it cannot be measured at all. */
  readonly needs: readonly ProgramName[];
  /** The arm that the others are compared with. */
  readonly reference: string;
  readonly metrics: readonly Metric[];
  readonly run: (context: Context) => Promise<readonly ArmResult[]>;
}
