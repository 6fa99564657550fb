/** How much of everything a run measures. */
export interface Extent {
  readonly rounds: number
  /** How long a sample of one arm takes, in milliseconds. */
  readonly sampleMs: number
  /** Whether postgres.js takes part also where nothing is asked against it. */
  readonly postgresJs: boolean
  /** Point reads under way at once. */
  readonly inFlight: readonly number[]
  /** Offered rates of the open model, as shares of what pg.Pool manages. */
  readonly loads: readonly number[]
  /** How long a table stays locked. */
  readonly locksMs: readonly number[]
  /** Whether slow statements that keep a core of the server busy are measured besides those that sleep. */
  readonly busyServer: boolean
  readonly copiedRows: number
}

/** For `bench`: every threshold, within five minutes. */
export const short: Extent = {
  rounds: 5,
  sampleMs: 600,
  postgresJs: false,
  inFlight: [1, 32, 128],
  loads: [0.775],
  locksMs: [1_500],
  busyServer: false,
  copiedRows: 200_000,
}

/** For `bench:full`: longer samples, more rounds and load points, postgres.js in everything it can do. */
export const full: Extent = {
  rounds: 9,
  sampleMs: 1_500,
  postgresJs: true,
  inFlight: [1, 8, 32, 128, 512],
  loads: [0.5, 0.775, 0.9],
  locksMs: [1_500, 5_000],
  busyServer: true,
  copiedRows: 1_000_000,
}
