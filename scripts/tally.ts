import { performance } from 'node:perf_hooks'

/** Prints one line a check and counts them; `end` prints the sum and sets the exit code. */
export class Tally {
  #passed = 0
  #failed = 0

  /** Runs one check. It passes when `work` resolves (a string is printed behind the title). */
  async check(title: string, work: () => void | string | Promise<void | string>): Promise<boolean> {
    const start = performance.now()
    try {
      const note = await work()
      this.#passed++
      console.log(`✓ ${title}${note ? `: ${note}` : ''} (${seconds(start)})`)
      return true
    } catch (error) {
      this.#failed++
      console.log(`✗ ${title} (${seconds(start)})\n${indented(error)}`)
      return false
    }
  }

  end(): void {
    console.log(`${this.#passed} passed, ${this.#failed} failed`)
    // No check at all is no success.
    process.exitCode = this.#failed === 0 && this.#passed > 0 ? 0 : 1
  }
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}

function indented(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n')
  const shown = lines.length > 40 ? [...lines.slice(0, 20), '…', ...lines.slice(-20)] : lines
  return shown.map((line) => `    ${line}`).join('\n')
}
