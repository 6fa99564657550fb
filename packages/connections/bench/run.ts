import { benchmark } from '@code/testkit'
import { short } from './extent.ts'
import { measureAll } from './measure-all.ts'

const suite = benchmark({ name: 'connections', folder: new URL('./', import.meta.url) })
await measureAll(suite, short)
await suite.finish()
