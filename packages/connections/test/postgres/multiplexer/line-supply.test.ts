import { freePort, startPostgres } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { Clients } from '../../../src/postgres/clients.ts'
import type { Line } from '../../../src/postgres/multiplexer/line.ts'
import { LineSupply } from '../../../src/postgres/multiplexer/line-supply.ts'
import { checkOptions, type PostgresOptions } from '../../../src/postgres/options.ts'
import { StatementLog } from '../../../src/postgres/statement-log.ts'

const server = await startPostgres()
afterAll(() => server.close())

interface Supplied {
  readonly lines: Line[]
  readonly supply: LineSupply
  readonly clients: Clients
  readonly failures: unknown[]
}

function open(maxLines: number, given: PostgresOptions = {}): Supplied & AsyncDisposable {
  const options = checkOptions({ connectionString: server.url, ...given })
  const clients = new Clients('supply', options, new StatementLog('supply', 1_000), () => {})
  const lines: Line[] = []
  const failures: unknown[] = []
  const supply = new LineSupply(clients, lines, maxLines, true, {
    onAnswer: () => {},
    onOverflow: () => {},
    onLine: () => {},
    onFailure: (error) => failures.push(error),
  })
  const close = async (): Promise<void> => {
    supply.close()
    for (const line of lines.slice()) supply.giveBack(line)
    await clients.close(5_000)
  }
  return { lines, supply, clients, failures, [Symbol.asyncDispose]: close }
}

test('it asks for one at first, later for half as many again as there are, and never for more than the most', async () => {
  await using it = open(3)
  for (let i = 0; i < 5; i++) it.supply.grow(0)
  expect(it.supply.counts).toEqual({ open: 0, idle: 0, coming: 1 })
  await vi.waitFor(() => expect(it.lines).toHaveLength(1))
  for (let i = 0; i < 5; i++) it.supply.grow(0)
  expect(it.supply.counts.coming).toBe(1)
  await vi.waitFor(() => expect(it.lines).toHaveLength(2))
  for (let i = 0; i < 5; i++) it.supply.grow(0)
  expect(it.supply.counts.coming).toBe(1)
  await vi.waitFor(() => expect(it.lines).toHaveLength(3))
  it.supply.grow(10_000)
  expect(it.supply.counts).toEqual({ open: 3, idle: 3, coming: 0 })
})

test('when one does not come for a while another is asked for', async () => {
  await using it = open(3)
  it.supply.grow(0)
  it.supply.grow(100)
  expect(it.supply.counts.coming).toBe(1)
  it.supply.grow(1_000)
  expect(it.supply.counts.coming).toBe(2)
})

test('what is lost is no line any more, and its connection no part of the pool', async () => {
  await using it = open(1)
  it.supply.grow(0)
  await vi.waitFor(() => expect(it.lines).toHaveLength(1))
  it.lines[0]!.client.wire.drop(new Error('gone'))
  expect(it.lines).toEqual([])
  await vi.waitFor(() => expect(it.clients.stats()).toMatchObject({ size: 0, inUse: 0 }))
})

test('an idle one goes back whole after a while, a broken one is hung up on', async () => {
  await using it = open(1)
  it.supply.grow(0)
  await vi.waitFor(() => expect(it.lines).toHaveLength(1))
  const [line] = it.lines
  line!.lastAnswerAt = 100
  it.supply.giveBackIdle(110)
  expect(it.lines).toEqual([line])
  it.supply.giveBackIdle(200)
  expect(it.lines).toEqual([])
  expect(it.clients.stats()).toMatchObject({ size: 1, idle: 1 })

  it.supply.grow(0)
  await vi.waitFor(() => expect(it.lines).toHaveLength(1))
  expect(it.lines[0]!.client).toBe(line!.client)
  it.lines[0]!.leave('broken')
  it.supply.giveBack(it.lines[0]!)
  await vi.waitFor(() => expect(it.clients.stats().size).toBe(0))
})

test('the emptiest is yielded, once for each that is wanted, and not the last one that is used', async () => {
  await using it = open(2)
  it.supply.grow(0)
  await vi.waitFor(() => expect(it.lines).toHaveLength(1))
  it.supply.grow(0)
  await vi.waitFor(() => expect(it.lines).toHaveLength(2))
  const [first, second] = it.lines
  it.supply.yieldLine(1, true)
  expect(it.lines).toEqual([second])
  expect(first!.leaving).toBe('whole')
  it.supply.yieldLine(1, true)
  expect(it.lines).toEqual([second])
  it.supply.yieldLine(1, false)
  expect(it.lines).toEqual([])
})

test('that none could be had is told, but not after the end', async () => {
  const port = await freePort()
  await using it = open(1, { connectionString: `postgres://nobody@127.0.0.1:${port}/none` })
  it.supply.grow(0)
  await vi.waitFor(() => expect(it.failures).toMatchObject([{ code: 'CONNECTIONS_REFUSED' }]))
  expect(it.supply.counts.coming).toBe(0)
  it.supply.grow(0)
  it.supply.close()
  await vi.waitFor(() => expect(it.supply.counts.coming).toBe(0))
  expect(it.failures).toHaveLength(1)
})
