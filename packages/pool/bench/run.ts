import { benchmark } from '@code/testkit'
import { measureContended } from './contended.ts'
import { measureCreation } from './creation.ts'
import { measureIdle } from './idle.ts'

const suite = benchmark({ name: 'pool', folder: new URL('./', import.meta.url) })
await measureIdle(suite)
await measureContended(suite)
await measureCreation(suite)
await suite.finish()
