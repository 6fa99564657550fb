import { LoadTester } from '@code/loadtest'
import exceljs from 'exceljs'
import { afterAll, expect, test } from 'vitest'
import { askPath, checkAnswers } from '../src/check-answers.ts'
import { cityNames, drawQuestions } from '../src/draw-questions.ts'
import { startStack } from '../src/stack.ts'

// One stack for the file: its import takes seconds.
const stack = await startStack()
afterAll(() => stack[Symbol.asyncDispose]())

test('the whole data set is imported in little memory', () => {
  expect(stack.imported.rows).toBe(171_075)
  expect(stack.imported.peakRssBytes).toBeLessThan(200 * 2 ** 20)
})

test('san fran is San Francisco, with its region', async () => {
  await using service = await stack.serve({ variant: 'composed' })
  const response = await fetch(`${service.origin}/ask?expert=places&q=san+franci`)
  const answer = (await response.json()) as { matches: { name: string }[]; about: unknown }
  expect(response.status).toBe(200)
  expect(answer.matches).toHaveLength(5)
  for (const { name } of answer.matches) expect(name).toMatch(/^San Franci/)
  expect(answer.about).toEqual({ country: expect.any(String), region: expect.any(String) })
})

test('a slip of the pen is forgiven', async () => {
  await using service = await stack.serve({ variant: 'composed' })
  const response = await fetch(`${service.origin}/ask?expert=places&q=reykjvik`)
  const { matches } = (await response.json()) as { matches: { name: string }[] }
  expect(matches[0]?.name).toBe('Reykjavík')
})

test(
  'naive, rivals and composed give the same answers, to odd questions too',
  { timeout: 60_000 },
  async () => {
    await using naive = await stack.serve({ variant: 'naive' })
    await using rivals = await stack.serve({ variant: 'rivals' })
    await using composed = await stack.serve({ variant: 'composed' })
    await using uncached = await stack.serve({ variant: 'composed', cache: false })
    const questions = drawQuestions(await cityNames(), { distinct: 500, count: 100, seed: 3 })
    expect(await checkAnswers({ naive, rivals, composed, uncached }, questions)).toBeGreaterThan(100)
  },
)

test('an answer comes as a spreadsheet too, and what makes it is loaded then', async () => {
  await using service = await stack.serve({ variant: 'composed' })
  const memory = async (): Promise<number> => (await service.usage()).peakRssBytes
  await fetch(service.origin + askPath('Oslo'))
  const before = await memory()
  const response = await fetch(`${service.origin}${askPath('Łódź')}&format=xlsx`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain('spreadsheetml')
  const workbook = new exceljs.Workbook()
  await workbook.xlsx.load(await response.arrayBuffer())
  expect(workbook.getWorksheet('matches')?.getCell('A2').text).toBe('Łódź')
  expect(await memory()).toBeGreaterThan(before + 10 * 2 ** 20)
})

test('SIGTERM ends the composed service in order, with the answers that are under way', async () => {
  const service = await stack.serve({ variant: 'composed', cache: false })
  const questions = drawQuestions(await cityNames(), { distinct: 500, count: 40, seed: 7 })
  const answers = questions.map(async (question) => (await fetch(service.origin + askPath(question))).status)
  await Promise.any(answers)
  const ended = service[Symbol.asyncDispose]()
  const statuses = await Promise.allSettled(answers)
  await ended
  expect(await service.exited).toMatchObject({ code: 0 })
  const served = statuses.filter(({ status }) => status === 'fulfilled')
  expect(served.length).toBeGreaterThan(1)
  for (const each of served) expect(each).toMatchObject({ value: 200 })
})

test('the figures of its connections and statements are there to be read', async () => {
  await using service = await stack.serve({ variant: 'composed' })
  await fetch(service.origin + askPath('Oslo'))
  const metrics = await (await fetch(`${service.monitoringUrl}/metrics`)).text()
  const value = (name: string): number => Number(new RegExp(`^${name} (.+)$`, 'm').exec(metrics)?.[1])
  expect(value('code_connections_statements{name="postgres"}')).toBeGreaterThan(0)
  expect(value('code_connections_failures{name="postgres"}')).toBe(0)
  expect(value('code_connections_retries{name="postgres"}')).toBe(0)
  expect(value('code_pool_max_size{name="postgres"}')).toBeGreaterThan(1)
  expect(value('code_pool_leaks{name="postgres"}')).toBe(0)
})

test('a wrong question gets a problem document', async () => {
  await using service = await stack.serve({ variant: 'composed' })
  const cases = [
    ['/ask?expert=places', 400],
    ['/ask?expert=places&q=', 400],
    [`/ask?expert=places&q=${'x'.repeat(10_240)}`, 400],
    [`/ask?expert=places&q=${'%F0%9F%8F%99'.repeat(2560)}`, 400],
    [`/ask?expert=places&q=${'%22'.repeat(10_240)}`, 400],
    ['/ask?expert=places&q=%00', 400],
    ['/ask?expert=nobody&q=a', 404],
    ['/elsewhere', 404],
  ] as const
  for (const [path, status] of cases) {
    const response = await fetch(service.origin + path)
    expect(response.status, path).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ type: 'about:blank', status, detail: expect.any(String) })
  }
  expect((await fetch(`${service.origin}/ask?expert=places&q=a`, { method: 'POST' })).status).toBe(405)
})

test(
  'when Postgres stops under load, questions fail within their time limit, readiness says so, and all recovers by itself',
  { timeout: 60_000 },
  async () => {
    await using service = await stack.serve({ variant: 'composed', cache: false })
    const readiness = async (): Promise<number> =>
      (await fetch(`${service.monitoringUrl}/health/ready`)).status
    expect(await readiness()).toBe(200)

    const abort = new AbortController()
    const questions = drawQuestions(await cityNames(), { distinct: 1000, count: 5000, seed: 5 })
    const load = new LoadTester({
      targetUrl: service.origin,
      concurrentUsers: 16,
      durationSeconds: 30,
      timeoutMs: 5000,
      requests: questions.map((question) => ({ path: askPath(question) })),
      signal: abort.signal,
    }).run()

    await stack.database.stop()
    await expect.poll(readiness, { timeout: 5000 }).toBe(503)
    const asked = performance.now()
    const refused = await fetch(service.origin + askPath('Oslo'))
    expect(refused.status, service.output()).toBe(503)
    expect(await refused.json()).toMatchObject({ status: 503, title: 'Try again soon' })
    expect(performance.now() - asked).toBeLessThan(4000)

    await stack.database.start()
    await expect.poll(readiness, { timeout: 10_000 }).toBe(200)
    await expect.poll(async () => (await fetch(service.origin + askPath('Oslo'))).status).toBe(200)
    abort.abort()
    const report = await load
    expect(report.statuses[200]).toBeGreaterThan(0)
    expect(report.statuses[500]).toBeUndefined()
  },
)
