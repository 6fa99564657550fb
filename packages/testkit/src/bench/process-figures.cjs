'use strict'
// Loaded first into every process that `processes` measures, to tell at its end what only it can know. Plain
// CommonJS: it must not add the cost of a loader to a start-up that is being measured.
const fs = require('node:fs')
const { isMainThread } = require('node:worker_threads')

// Not for its workers, nor for processes it starts in turn with the same flags.
if (isMainThread && process.env.CODE_BENCH_FIGURES_FD !== undefined) {
  const fd = Number(process.env.CODE_BENCH_FIGURES_FD)
  delete process.env.CODE_BENCH_FIGURES_FD
  process.on('exit', () => {
    const { user, system } = process.cpuUsage()
    fs.writeSync(fd, JSON.stringify({ cpuMs: (user + system) / 1_000, ...memory() }))
  })
}

function memory() {
  try {
    // Not rusage: its maximum begins with the size of the parent that forked.
    const status = fs.readFileSync('/proc/self/status', 'latin1')
    const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]) * 1024
    return { peakRssBytes: bytes('VmHWM'), anonBytes: bytes('RssAnon') }
  } catch {
    return { peakRssBytes: process.resourceUsage().maxRSS * 1024 }
  }
}
