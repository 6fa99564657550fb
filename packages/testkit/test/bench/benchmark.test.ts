import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { benchmark, type BenchmarkReport } from '../../src/index.ts'

test('a suite that meets its thresholds prints them, stores its figures and succeeds', async () => {
  await using run = await runToy({ mostBytes: 1_000 })
  expect(run.status, run.stderr).toBe(0)
  expect(run.stdout).toMatch(/^# toy\nNode \d+\./)
  expect(run.stdout).toMatch(
    /passed {2}rates: rps of fast ≥ 3x better than slow: 3.00 .*; claim: three times/,
  )
  expect(run.stdout).toMatch(/passed {2}rates: p99Ms of fast ≥ 2x better than slow: 2.00/)
  const report = JSON.parse(readFileSync(run.results, 'utf8')) as BenchmarkReport
  expect(report).toMatchObject({
    name: 'toy',
    passed: true,
    machine: { node: process.versions.node, cores: expect.any(Number) },
    measurements: [
      { title: 'a sum and an object', arms: { sum: {}, object: {} } },
      { title: 'rates', higherIsBetter: ['rps'] },
    ],
  })
  expect(Object.keys(report.measurements[0]?.arms['object'] ?? {})).toEqual([
    'nsPerOp',
    'cpuNsPerOp',
    'bytesPerOp',
  ])
  expect(report.measurements[1]?.arms['fast']?.['rps']).toEqual({
    median: 300,
    low: 300,
    high: 300,
    confidence: 0.75,
    samples: [300, 300, 300],
    ratioToFirst: { median: 3, low: 3, high: 3, confidence: 0.75 },
  })
  expect(report.thresholds).toHaveLength(3)
})

test('a missed threshold is printed and fails the process', async () => {
  await using run = await runToy({ mostBytes: 1 })
  expect(run.status).toBe(1)
  expect(run.stdout).toMatch(/MISSED {2}a sum and an object: bytesPerOp of object ≤ 1: \d/)
  expect(run.stdout).toContain('passed  rates')
  expect(JSON.parse(readFileSync(run.results, 'utf8'))).toMatchObject({ passed: false })
})

test('a run shortened by CODE_BENCH_ROUNDS is judged but not stored', async () => {
  await using run = await runToy({ mostBytes: 1 }, { CODE_BENCH_ROUNDS: '1' })
  expect(run.status).toBe(1)
  expect(run.stdout).toContain('medians of 1')
  expect(existsSync(run.results)).toBe(false)
})

test('a wrong name or folder is refused', () => {
  expect(() => benchmark({ name: 'My bench', folder: new URL('file:///tmp/') })).toThrow(RangeError)
  expect(() => benchmark({ name: 'bench', folder: new URL('file:///tmp/bench') })).toThrow('end with a slash')
})

test('a threshold on what was not measured is refused', async () => {
  const suite = benchmark({ name: 'toy', folder: new URL('file:///nowhere/') })
  const rates = await suite.samples({ title: 'rates', arms: { one: () => ({ rps: 1 }) }, rounds: 1 })
  // @ts-expect-error there is no such arm
  expect(() => suite.atMost({ in: rates, metric: 'rps', arm: 'two', value: 1 })).toThrow(
    'no rps of an arm "two"',
  )
  // @ts-expect-error there is no such metric
  expect(() => suite.atMost({ in: rates, metric: 'rpm', arm: 'one', value: 1 })).toThrow('no rpm')
  expect(() => suite.atMost({ in: rates, metric: 'rps', arm: 'one', value: Number.NaN })).toThrow(RangeError)
})

async function runToy(
  { mostBytes }: { mostBytes: number },
  env: NodeJS.ProcessEnv = {},
): Promise<{ status: number | null; stdout: string; stderr: string; results: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'code-bench-'))
  const program = fileURLToPath(new URL('../fixtures/bench-run.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, `${pathToFileURL(folder).href}/`, String(mostBytes)],
    { encoding: 'utf8', timeout: 20_000, env: { ...process.env, CODE_BENCH_ROUNDS: '', ...env } },
  )
  return {
    status,
    stdout,
    stderr,
    results: join(folder, 'results/toy.json'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
