// The same where the code is asynchronous anyway.
import { ready, usePg } from './ready.mjs'

usePg((await import('pg')).default)
ready()
