import { benchmark } from '@code/testkit'
import { full } from './extent.ts'
import { measureAll } from './measure-all.ts'

const suite = benchmark({ name: 'connections-full', folder: new URL('./', import.meta.url) })
await measureAll(suite, full)
await suite.finish()
