import { expect, test } from 'vitest'
import { benchmark } from '../../src/index.ts'

test('arms are sampled in turn after a warm-up, another one first each round', async () => {
  const calls: string[] = []
  const arm = (name: string) => async () => {
    calls.push(name)
    return await Promise.resolve({ p50Ms: calls.length })
  }
  const { arms } = await suite().samples({ title: 'turns', arms: { a: arm('a'), b: arm('b') }, rounds: 3 })
  expect(calls.join('')).toBe('ababbaab')
  expect(arms).toEqual({ a: { p50Ms: [3, 6, 7] }, b: { p50Ms: [4, 5, 8] } })
})

test('a figure that is not a finite number is refused', async () => {
  const sampling = suite().samples({ title: 'load', arms: { a: () => ({ rps: Number.NaN }) } })
  await expect(sampling).rejects.toMatchObject({
    code: 'BENCH_ARM_FAILED',
    message: 'arm "a" of "load" must give a finite number as rps, got NaN',
  })
})

test('figures that change from round to round are refused', async () => {
  let call = 0
  const arms = { a: (): Record<string, number> => (call++ % 2 === 0 ? { rps: 1 } : { rpm: 1 }) }
  await expect(suite().samples({ title: 'load', arms, warmupRounds: 0 })).rejects.toMatchObject({
    message: 'arm "a" of "load" must give the same figures each time, got rps and rpm',
  })
})

function suite(): ReturnType<typeof benchmark> {
  return benchmark({ name: 'test', folder: new URL('file:///nowhere/') })
}
