// What a careful service does without us: each package is required where it is used.
import { createRequire } from 'node:module'
import { ready, usePg } from './ready.mjs'

const require = createRequire(import.meta.url)
usePg(require('pg'))
ready()
