import { execFile } from 'node:child_process'
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const records = 280_000
const text = 'Zürich — "quoted", {not} [nested]\n'.repeat(8)
// How far V8 lets its young generation grow depends on the machine's memory; here it doesn't.
const nursery = '--max-semi-space-size=16'
const program = `
  const { StreamProcessor } = await import(process.argv[1])
  let records = 0
  for await (const chunk of new StreamProcessor().processFile(process.argv[2])) records += chunk.length
  const peakKb = /VmHWM:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]
  console.log(JSON.stringify({ records, peakMb: peakKb / 1024 }))
`

test.each(['json', 'ndjson'])('100 MB of %s are read within 110 MB', { timeout: 60_000 }, async (format) => {
  const folder = await mkdtemp(join(tmpdir(), 'code-stream-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = await writeLargeFile(join(folder, `records.${format}`), format)
  const main = await stripTypes(folder)
  const { stdout } = await promisify(execFile)(process.execPath, [nursery, '--eval', program, main, file])
  const outcome = JSON.parse(stdout) as { records: number; peakMb: number }
  expect(outcome.records).toBe(records)
  expect(outcome.peakMb).toBeLessThan(110)
})

/** Node's own stripping of types would take 50 MB in the process that is measured. */
async function stripTypes(folder: string): Promise<string> {
  const sources = join(import.meta.dirname, '../src')
  for (const name of await readdir(sources)) {
    const code = stripTypeScriptTypes(await readFile(join(sources, name), 'utf8'))
    await writeFile(join(folder, name.replace('.ts', '.mjs')), code.replaceAll(".ts'", ".mjs'"))
  }
  return join(folder, 'index.mjs')
}

async function writeLargeFile(path: string, format: string): Promise<string> {
  await using file = await open(path, 'w')
  const separator = format === 'json' ? ',' : '\n'
  if (format === 'json') await file.write('[')
  const part = 1000
  for (let id = 0; id < records; id += part) {
    const lines = Array.from({ length: part }, (_, i) =>
      JSON.stringify({ id: id + i, tags: ['a', 'b'], text }),
    )
    await file.write((id === 0 ? '' : separator) + lines.join(separator))
  }
  if (format === 'json') await file.write(']')
  expect((await file.stat()).size).toBeGreaterThan(90_000_000)
  return path
}
