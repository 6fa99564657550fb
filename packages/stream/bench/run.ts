import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchmark } from '@code/testkit'

// What it costs to read 50 MB, CPU time and memory at its highest, against what a service does without us: the
// whole file through JSON.parse, and readline. A fresh process a sample; all check count and sum of the records.

const records = 120_000
const folder = await mkdtemp(join(tmpdir(), 'code-stream-bench-'))
const suite = benchmark({ name: 'stream', folder: new URL('./', import.meta.url) })
try {
  const array = await writeRecords('records.json', '[', ',', ']')
  const json = await suite.processes({
    title: 'a JSON array of 50 MB',
    samples: 9,
    arms: {
      'JSON.parse(readFileSync)': arm('parse-whole', array),
      'ours, chunks of 1000': arm('ours', array),
      'ours, chunks of 100': arm('ours-small', array),
      'ours, records()': arm('ours-records', array),
    },
  })
  const theirs = 'JSON.parse(readFileSync)'
  suite.atLeast({
    in: json,
    metric: 'cpuMs',
    arm: 'ours, chunks of 1000',
    timesBetterThan: 1.2,
    than: theirs,
  })
  for (const [ours, times] of [
    ['ours, chunks of 1000', 2.5],
    ['ours, chunks of 100', 3.3],
  ] as const) {
    suite.atLeast({ in: json, metric: 'peakRssBytes', arm: ours, timesBetterThan: times, than: theirs })
  }

  const lines = await writeRecords('records.ndjson', '', '\n', '\n')
  const ndjson = await suite.processes({
    title: 'NDJSON of 50 MB',
    samples: 9,
    arms: {
      'readline and JSON.parse': arm('readline', lines),
      'split and JSON.parse': arm('parse-lines', lines),
      'ours, chunks of 1000': arm('ours', lines),
      'ours, chunks of 100': arm('ours-small', lines),
    },
  })
  suite.atLeast({
    in: ndjson,
    metric: 'cpuMs',
    arm: 'ours, chunks of 1000',
    timesBetterThan: 1,
    than: 'readline and JSON.parse',
  })
  await suite.finish()
} finally {
  await rm(folder, { recursive: true })
}

function arm(way: string, file: string): { file: URL; args: string[] } {
  return { file: new URL('read.mjs', import.meta.url), args: [way, file, String(records)] }
}

/** Records of 420 bytes with nesting, escapes and characters beyond ASCII. */
async function writeRecords(name: string, before: string, between: string, after: string): Promise<string> {
  const path = join(folder, name)
  await using file = await open(path, 'w')
  await file.write(before)
  const part = 2000
  for (let first = 0; first < records; first += part) {
    const texts = Array.from({ length: part }, (_, i) => JSON.stringify(makeRecord(first + i)))
    await file.write((first === 0 ? '' : between) + texts.join(between))
  }
  await file.write(after)
  return path
}

function makeRecord(number: number): object {
  return {
    id: `a1b2c3d4-e5f6-7890-abcd-${String(number).padStart(12, '0')}`,
    number,
    name: `Zürich ${number}`,
    place: { lat: 47.37 + number / 1e6, lon: 8.54, tags: ['a', 'bb', 'ccc'] },
    at: '2026-11-23T10:00:00.000Z',
    text: 'Some text, "quoted" and\nmore of it … '.repeat(6),
  }
}
