import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { onFreePort } from '../src/free-port.ts'
import { freePort } from '../src/index.ts'

test('a free port can be listened on', async () => {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  expect(server.address()).toMatchObject({ port })
  server.close()
})

test('where somebody took the port in between, another one is tried', async () => {
  const tried: number[] = []
  const port = await onFreePort((candidate) => {
    tried.push(candidate)
    if (tried.length < 3) return Promise.reject(new Error('bind(): Address already in use'))
    return Promise.resolve(candidate)
  })
  expect(tried).toHaveLength(3)
  expect(tried.at(-1)).toBe(port)
})

test('any other failure is not tried again', async () => {
  let calls = 0
  const starting = onFreePort(() => Promise.reject(new Error(`no disk, call ${++calls}`)))
  await expect(starting).rejects.toThrow('no disk, call 1')
})
