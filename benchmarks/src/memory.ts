import { benchmark, median } from '@code/testkit'

// The guide's claim: memory 85 % lower. Its load is 4,000 requests, 64 in flight, each with a client that owns
// a megabyte, in a service that imports five heavy packages of which one is used. A fresh process a sample. The
// whole process is what a bill shows; above an empty Node.js process is what the program is answerable for.

const suite = benchmark({ name: 'memory', folder: new URL('../', import.meta.url) })

const program = (name: string): URL => new URL(`memory/${name}.mjs`, import.meta.url)

const empty = await suite.processes({
  title: 'an empty process',
  arms: { empty: { file: program('empty') } },
})
const emptyBytes = median(empty.arms.empty['peakBytes']!)

const arm = (name: string): { file: URL; args: string[] } => ({
  file: program(name),
  args: [String(emptyBytes)],
})
const [naive, limited, rivals, ours] = [
  'naive',
  'naive, eight at a time',
  'rivals: generic-pool of eight, eager imports',
  'ours: pool of eight, lazy imports',
] as const
const memory = await suite.processes({
  title: '4,000 requests with clients of 1 MB',
  arms: { [naive]: arm('naive'), [limited]: arm('limited'), [rivals]: arm('rivals'), [ours]: arm('ours') },
})
const sums = new Set(Object.values(memory.arms).flatMap(({ sum }) => sum))
if (sums.size !== 1) throw new Error(`the arms did different work: ${[...sums].join(', ')}`)

const lower = (percent: number): number => 1 / (1 - percent / 100)
const [in_, whole, above] = [memory, 'peakRssBytes', 'aboveEmptyBytes'] as const
const claim = 'the guide: memory −85 %'
suite.atLeast({ in: in_, metric: above, arm: ours, timesBetterThan: lower(90), than: naive })
suite.atLeast({ in: in_, metric: whole, arm: ours, timesBetterThan: lower(85), than: naive, claim })
suite.atLeast({ in: in_, metric: above, arm: ours, timesBetterThan: lower(50), than: limited })
suite.atLeast({ in: in_, metric: above, arm: ours, timesBetterThan: lower(50), than: rivals })
await suite.finish()
