import { deferGc } from '../dist/index.js'

// A section of some milliseconds that must not be interrupted, again and again, in a process that allocates in
// between. The argument says how it runs: 'plain', or what deferGc collects before. The section's own time shows what
// was kept out of it; its caller's time, what that cost.

const how = process.argv[2]
const sections = 200
const alive = []
const times = []
const callerTimes = []
for (let n = 0; n < sections; n++) {
  alive[n % 50] = allocate(1_500)
  await new Promise(setImmediate)
  const startedAt = performance.now()
  times.push(await (how === 'plain' ? section() : deferGc(section, { collect: how })))
  callerTimes.push(performance.now() - startedAt)
}
console.log(
  JSON.stringify({
    sectionP50Ms: quantile(times, 0.5),
    sectionP99Ms: quantile(times, 0.99),
    callerP50Ms: quantile(callerTimes, 0.5),
    callerP99Ms: quantile(callerTimes, 0.99),
  }),
)

async function section() {
  const startedAt = performance.now()
  let sum = 0
  for (let step = 0; step < 4; step++) {
    sum += allocate(1_500).length
    await new Promise(setImmediate)
  }
  return sum > 0 ? performance.now() - startedAt : 0
}

function quantile(values, q) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)]
}

function allocate(count) {
  return Array.from({ length: count }, (_, id) => ({ id, name: `x${id}`, ends: [id, id + 1] }))
}
