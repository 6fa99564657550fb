import { GcMonitor } from '../dist/index.js'

// What was allocated in the last hundred turns of the event loop is alive, so that every minor collection copies much.

const alive = []
const monitor = new GcMonitor()
monitor.start()
for (let turn = 0; turn < 1_200; turn++) {
  alive[turn % 100] = Array.from({ length: 4_000 }, (_, id) => ({ id, name: `x${id}`, ends: [id, id + 1] }))
  await new Promise(setImmediate)
}
const { minor, minorMs, pauseMs } = monitor.stats()
console.log(JSON.stringify({ minorPauseMs: minorMs / minor, gcMs: pauseMs }))
monitor.stop()
