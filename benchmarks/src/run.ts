import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// Runs the headline scripts one after the other, all of them, and fails when one of them did.

const scripts = ['memory.ts', 'import.ts', 'response-time.ts']

const failed = scripts.filter((script) => {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { status } = spawnSync(process.execPath, [path], { stdio: 'inherit' })
  return status !== 0
})

if (failed.length > 0) {
  console.error(`missed a threshold: ${failed.join(', ')}`)
  process.exitCode = 1
}
