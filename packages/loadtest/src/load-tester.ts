import { loadSettings } from './load-options.ts'
import type { LoadSettings, LoadTesterOptions } from './load-options.ts'
import type { LoadReport } from './load-report.ts'
import { LoadRun } from './load-run.ts'

/** Loads an HTTP service with a fixed number of users and reports how it answered. */
export class LoadTester {
  readonly #settings: LoadSettings

  /**
   * @throws {LoadTestError} LOADTEST_UNSUPPORTED for an `https:` target.
   * @throws {TypeError | RangeError} when an option is not what it must be.
   */
  constructor(options: LoadTesterOptions) {
    this.#settings = loadSettings(options)
  }

  /**
   * Runs the test once; it may be run again. Ends at the latest `warmupSeconds` + `durationSeconds` + `timeoutMs`
   * later with all connections closed. What goes wrong between here and the target is counted, not thrown, and an
   * abort resolves with the report of what was measured until then. Rejects only with what `requests`,
   * `onProgress` or a `check` without a verdict threw.
   */
  run(): Promise<LoadReport> {
    return new LoadRun(this.#settings).run()
  }
}
