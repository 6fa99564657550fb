import { LazyImporter } from '@code/lazy'
import { ObjectPool } from '@code/pool'
import { Client, serveRequests } from './serve-requests.mjs'

// A pool of eight, and packages that come when they are used.
const clients = new ObjectPool({ maxSize: 8, create: () => new Client() })
const importer = new LazyImporter(import.meta)
const packages = Object.fromEntries(
  ['@aws-sdk/client-s3', 'exceljs', 'mathjs', 'pg'].map((name) => [name, importer.importModule(name)]),
)
packages.pdfkit = importer.importModule('pdfkit', { kind: 'function' })

await serveRequests(
  (request) => clients.use((client) => client.answer(request)),
  (text) => packages.pg.escapeLiteral(text),
)
await clients.close()
