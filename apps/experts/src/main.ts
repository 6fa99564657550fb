import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watchOriginalParent } from './original-parent.ts'

// What `pnpm demo` and `pnpm start` run: builds everything, then runs that program from what was built. It is
// watched from here on, because a build alone takes long enough for somebody to change their mind.

const program = process.argv.splice(2, 1)[0]

// With the parent gone there is nobody to serve, and everything started here ends with this process.
watchOriginalParent(() => {
  console.error('the command that started this has ended: ending too')
  process.exit(1)
})

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1' }
const build = spawn('turbo', ['run', 'build', '--output-logs=errors-only'], { stdio: 'inherit', env })
const [code] = (await once(build, 'exit')) as [number | null]
if (code !== 0) process.exit(code ?? 1)

await import(new URL(`../dist/${program}.js`, import.meta.url).href)
