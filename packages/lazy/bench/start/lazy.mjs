// Arguments: how many packages are used, 'one' or 'all'; and the folder of the compile cache, if there is to be one.
import { LazyImporter } from '@code/lazy'
import { ready, useAll, usePg } from './ready.mjs'

const [used, compileCache] = process.argv.slice(2)
const importer = new LazyImporter(import.meta, { compileCache })
const packages = {
  s3: importer.importModule('@aws-sdk/client-s3'),
  exceljs: importer.importModule('exceljs'),
  ioredis: importer.importModule('ioredis', { kind: 'function' }),
  jsdom: importer.importModule('jsdom'),
  mathjs: importer.importModule('mathjs'),
  pdfkit: importer.importModule('pdfkit', { kind: 'function' }),
  pg: importer.importModule('pg'),
}
if (used === 'all') {
  useAll({ ...packages, pdfkit: importer.resolved(packages.pdfkit) })
} else {
  usePg(packages.pg)
}
if (importer.report().length !== (used === 'all' ? 7 : 1)) throw new Error('loaded something else')
ready()
