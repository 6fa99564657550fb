import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { StreamProcessor, type RecordStream } from '../src/index.ts'
import { allOf, pieces } from './read.ts'

async function largeFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'code-stream-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'numbers.json')
  await writeFile(path, JSON.stringify(Array.from({ length: 200_000 }, (_, i) => i)))
  return path
}

/** How often this process has the file open. */
async function openCount(path: string): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return targets.filter((target) => target === path).length
}

test('a file is opened by the first read and closed at the end', async () => {
  const path = await largeFile()
  const stream = new StreamProcessor().processFile<number>(pathToFileURL(path))
  expect(await openCount(path)).toBe(0)
  let last = -1
  for await (const chunk of stream) {
    if (last === -1) expect(await openCount(path)).toBe(1)
    last = chunk.at(-1)!
  }
  expect(last).toBe(199_999)
  expect(await openCount(path)).toBe(0)
})

test('leaving the loop closes the file', async () => {
  const path = await largeFile()
  for await (const _ of new StreamProcessor().processFile(path)) break
  expect(await openCount(path)).toBe(0)
  for await (const _ of new StreamProcessor().processFile(path).records()) break
  expect(await openCount(path)).toBe(0)
})

test('an error thrown in the loop closes the file', async () => {
  const path = await largeFile()
  const reading = (async () => {
    for await (const _ of new StreamProcessor().processFile(path)) throw new Error('enough')
  })()
  await expect(reading).rejects.toThrow('enough')
  expect(await openCount(path)).toBe(0)
})

test('a bad record closes the file', async () => {
  const path = await largeFile()
  await writeFile(path, `[1,2,oops,${'3,'.repeat(200_000)}4]`)
  await expect(allOf(new StreamProcessor().processFile(path))).rejects.toThrow('oops')
  expect(await openCount(path)).toBe(0)
})

test('an abort closes the file, although nobody asks for more', async () => {
  const path = await largeFile()
  const controller = new AbortController()
  const stream = new StreamProcessor({ signal: controller.signal }).processFile(path)
  const chunks = stream[Symbol.asyncIterator]()
  await chunks.next()
  const reason = new Error('user left')
  controller.abort(reason)
  await expect.poll(() => openCount(path)).toBe(0)
  await expect(chunks.next()).rejects.toBe(reason)
  expect(await chunks.next()).toEqual({ done: true, value: undefined })
})

test('disposing closes the file, also twice and before anything was read', async () => {
  const path = await largeFile()
  await new StreamProcessor().processFile(path)[Symbol.asyncDispose]()

  let stream: RecordStream<unknown>
  {
    await using reading = new StreamProcessor().processFile(path)
    await reading[Symbol.asyncIterator]().next()
    expect(await openCount(path)).toBe(1)
    stream = reading
  }
  expect(await openCount(path)).toBe(0)
  await stream[Symbol.asyncDispose]()
})

test('disposing while a read waits ends the loop', async () => {
  const stream = new StreamProcessor().process(neverEnding())
  const next = stream[Symbol.asyncIterator]().next()
  await stream[Symbol.asyncDispose]()
  expect(await next).toEqual({ done: true, value: undefined })
})

test('an abort ends a wait for bytes with its reason', async () => {
  const controller = new AbortController()
  const reason = new Error('user left')
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) })
  const sources = [neverEnding(), silent]
  const waits = sources.map((source) =>
    new StreamProcessor().process(source, { signal: controller.signal }).records().next(),
  )
  controller.abort(reason)
  const outcomes = await Promise.allSettled(waits)
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([reason, reason])
})

test('a signal that was aborted before opens nothing', async () => {
  const path = await largeFile()
  const signal = AbortSignal.abort(new Error('too late'))
  await expect(allOf(new StreamProcessor().processFile(path, { signal }))).rejects.toThrow('too late')
  expect(await openCount(path)).toBe(0)
})

test('a Node stream, a web stream and a generator are read alike, and given up when left', async () => {
  const path = await largeFile()
  const processor = new StreamProcessor({ chunkSize: 3 })
  const node = createReadStream(path)
  const web = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>
  let returned = false
  async function* generator(): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces('[0,1,2,3,4,5,6]'.padEnd(400), 64)
    } finally {
      returned = true
    }
  }
  for (const source of [node, web, generator()]) {
    for await (const chunk of processor.process<number>(source)) {
      expect(chunk).toEqual([0, 1, 2])
      break
    }
  }
  expect(node.destroyed).toBe(true)
  expect(returned).toBe(true)
  await expect.poll(() => openCount(path)).toBe(0)
})

async function* neverEnding(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('[')
  await new Promise(() => {})
}
